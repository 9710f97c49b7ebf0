// SPDX-License-Identifier: Apache-2.0
// Test bench of owlbit_axis: a flash, a source of frames, a sink of scores; bench.h has its arguments. Beside those:
//   +lasts=none       s_axis_tlast stays 0
//   +short=N          frame N, from 0, loses its second half, tlast comes with its last beat, and m_axis_tuser must mark it alone
// A core with IMAGE_BITS reads its file itself (network.hex in the working folder, or what IMAGE_FILE says); +image then only says
// the shape.
#include "Vowlbit_axis.h"
#include "bench.h"
#include "verilated.h"

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  const Arguments arguments(argc, argv);
  const Image image = read_image(arguments);
  const Bytes frames = read_frames(arguments, image);
  const uint64_t limit = arguments.number("max_cycles", 1000000000), shortened = arguments.number("short", UINT64_MAX);
  const bool lasts = arguments.text("lasts") != "none";
  const size_t count = frames.size() / image.frame_bytes;
  Random random(arguments.number("seed", 0));
  SpiFlash flash(image.bytes, 0x20000);
  Trace trace(arguments,
              "s_axis_tvalid,s_axis_tready,s_axis_tdata,s_axis_tlast,m_axis_tvalid,m_axis_tready,m_axis_tdata,m_axis_tlast,m_axis_tuser");

  Vowlbit_axis core;
  const size_t width = sizeof(core.s_axis_tdata);  // bytes of a beat
  std::vector<int16_t> scores;
  size_t frame = 0, at = 0, beat = 0;  // the next beat: its frame, its first byte in it, its bytes
  uint64_t cycle = 0, boot = 0, first = 0, last = 0;
  bool held = false, scores_held = false;
  uint32_t held_score = 0;
  core.s_axis_tvalid = 0;
  core.m_axis_tready = 0;
  core.flash_miso = 1;
  while (scores.size() < count * image.classes) {
    if (cycle == limit) stop(TIMEOUT, "no scores within " + std::to_string(limit) + " cycles");
    core.aresetn = cycle >= 4;
    const size_t bytes = frame == shortened ? image.frame_bytes / 2 : image.frame_bytes;
    if (!held) {  // a beat that is offered stays
      held = frame < count && cycle >= 8 && (!random.pauses() || random.next() % 4 != 0);
      core.s_axis_tvalid = held;
      uint64_t data = 0, keep = 0;
      for (beat = 0; held && beat < width && at + beat < bytes; beat++) {
        data |= uint64_t(frames[frame * image.frame_bytes + at + beat]) << 8 * beat;
        keep |= uint64_t(1) << beat;
      }
      core.s_axis_tdata = decltype(core.s_axis_tdata)(data);
      core.s_axis_tkeep = decltype(core.s_axis_tkeep)(keep);
      core.s_axis_tlast = held && (lasts || frame == shortened) && at + beat == bytes;
    }
    core.m_axis_tready = random.one_in(4);
    core.aclk = 0;
    core.eval();
    if (cycle >= 8 && core.error) stop(REFUSED, "the engine refused the image");
    if (!boot && cycle >= 8 && core.booted) boot = cycle;
    if (cycle >= 8 && core.s_axis_tvalid && core.s_axis_tready) {
      if (!first) first = cycle;
      held = false;
      at += beat;
      if (at >= bytes) {
        at = 0;
        frame++;
      }
    }
    const uint32_t offered = uint32_t(core.m_axis_tdata) | uint32_t(core.m_axis_tlast) << 16 | uint32_t(core.m_axis_tuser) << 17;
    const bool valid = cycle >= 8 && core.m_axis_tvalid;
    if (scores_held && (!valid || offered != held_score)) stop(PROTOCOL, "a score changed before it was taken");
    held_score = offered;
    scores_held = valid && !core.m_axis_tready;
    if (valid && core.m_axis_tready) {
      const bool ends = scores.size() % image.classes + 1 == image.classes;
      if (bool(core.m_axis_tlast) != ends) stop(PROTOCOL, "m_axis_tlast is wrong at score " + std::to_string(scores.size()));
      if (bool(core.m_axis_tuser) != (scores.size() / image.classes == shortened)) stop(PROTOCOL, "m_axis_tuser is wrong");
      scores.push_back(int16_t(core.m_axis_tdata));
      last = cycle;
    }
    trace.cycle(cycle, {core.s_axis_tvalid, core.s_axis_tready, core.s_axis_tdata, core.s_axis_tlast, core.m_axis_tvalid,
                        core.m_axis_tready, core.m_axis_tdata, core.m_axis_tlast, core.m_axis_tuser});
    core.aclk = 1;
    core.eval();
    core.flash_miso = flash.step(core.flash_cs_n, core.flash_sck, core.flash_mosi);
    cycle++;
  }
  std::printf("{\"boot\": %llu, \"first_pixel\": %llu, \"last_score\": %llu}\n", (unsigned long long)boot, (unsigned long long)first,
              (unsigned long long)last);
  return judge(arguments, image, scores);
}

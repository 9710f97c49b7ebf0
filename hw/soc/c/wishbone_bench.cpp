// SPDX-License-Identifier: Apache-2.0
// Test bench of owlbit_wishbone: a bus master under the driver owlbit_soc.h, and a flash; bench.h has its arguments. Beside those:
//   +master=NAME      classic (default): a transfer holds until its acknowledge. pipelined: requests follow each other while nothing
//                     stalls, acknowledges come later
//   +script=FILE      in place of the driver, lines "w ADDRESS DATA SELECT", "r ADDRESS" and "i CYCLES", numbers in hexadecimal; what
//                     is read goes to +scores=FILE as lines of 8 digits, with the interrupt line after a space
//   +boot=own         the image is not written: the core has it, from flash or from its IMAGE_FILE
#include <deque>
#include <sstream>

#include "Vowlbit_wishbone.h"
#include "bench.h"
#include "verilated.h"

static uint32_t bus_read(uint32_t address);
static void bus_write(uint32_t address, uint32_t value, unsigned select = 15);
#define OWLBIT_SOC_READ(base, offset) bus_read(uint32_t(base) + uint32_t(offset))
#define OWLBIT_SOC_WRITE(base, offset, value) bus_write(uint32_t(base) + uint32_t(offset), value)
#include "owlbit_soc.h"

static Vowlbit_wishbone *core;
static SpiFlash *flash;
static Random random_(0);
static bool pipelined;
static uint64_t cycle, limit;
static Trace *trace;
static std::deque<bool> waiting;  // for an acknowledge: whether it is a read
static std::vector<uint32_t> reads;

// One clock cycle. Returns whether a request was taken in it.
static bool tick() {
  if (cycle++ == limit) stop(TIMEOUT, "no end within " + std::to_string(limit) + " cycles");
  core->wb_clk_i = 0;
  core->eval();
  const bool taken = core->wb_stb_i && (pipelined ? !core->wb_stall_o : core->wb_ack_o);
  if (taken) waiting.push_back(!core->wb_we_i);
  if (core->wb_ack_o) {
    if (waiting.empty()) stop(PROTOCOL, "an acknowledge without a request");
    if (waiting.front()) reads.push_back(core->wb_dat_o);
    waiting.pop_front();
  }
  trace->cycle(cycle, {core->wb_cyc_i, core->wb_stb_i, core->wb_we_i, core->wb_adr_i, core->wb_dat_i, core->wb_sel_i, core->wb_stall_o,
                       core->wb_ack_o, core->wb_dat_o});
  core->wb_clk_i = 1;
  core->eval();
  core->flash_miso = flash->step(core->flash_cs_n, core->flash_sck, core->flash_mosi);
  return taken;
}

static void request(uint32_t address, bool write, uint32_t value, unsigned select) {
  while (random_.pauses() && random_.next() % 3 == 0) tick();
  core->wb_cyc_i = core->wb_stb_i = 1;
  core->wb_we_i = write;
  core->wb_adr_i = address;
  core->wb_dat_i = value;
  core->wb_sel_i = uint8_t(select);
  while (!tick()) {
  }
  core->wb_stb_i = 0;
  core->wb_dat_i = 0xDEADBEEF;
  if (!pipelined) core->wb_cyc_i = 0;
}

static void finish() {
  while (!waiting.empty()) tick();
  core->wb_cyc_i = 0;
}

static uint32_t bus_read(uint32_t address) {
  finish();
  reads.clear();
  request(address, false, 0, 15);
  finish();
  return reads.at(0);
}

static void bus_write(uint32_t address, uint32_t value, unsigned select) { request(address, true, value, select); }

static Status run_script(const Arguments &arguments) {
  const Bytes script = arguments.file("script");
  std::istringstream text(std::string(script.begin(), script.end()));
  std::ofstream out(arguments.text("scores"));
  std::string word;
  auto flush = [&] {
    finish();
    for (const uint32_t value : reads) {
      char line[16];
      std::snprintf(line, sizeof line, "%08x %d\n", value, core->irq);
      out << line;
    }
    reads.clear();
  };
  while (text >> word) {
    uint32_t address = 0, value = 0, select = 15;
    text >> std::hex >> address;
    if (word == "w") {
      text >> value >> select;
      bus_write(address, value, select);
    } else if (word == "r") {
      request(address, false, 0, 15);  // reads follow each other: their answers come in order
    } else if (word == "i") {
      flush();
      for (uint32_t index = 0; index < address; index++) tick();
    } else {
      stop(USAGE, "+script: expected w, r or i, got " + word);
    }
  }
  flush();
  return DONE;
}

static void check(owlbit_soc_outcome outcome, const char *what) {
  const std::string message = std::string(what) + " ended with " + std::to_string(outcome);
  if (outcome == OWLBIT_SOC_REFUSED) stop(REFUSED, message);
  if (outcome == OWLBIT_SOC_TIMEOUT) stop(TIMEOUT, message);
  if (outcome != OWLBIT_SOC_OK) stop(PROTOCOL, message);
}

static Status run_frames(const Arguments &arguments) {
  const Image image = read_image(arguments);
  const Bytes frames = read_frames(arguments, image);
  const size_t count = frames.size() / image.frame_bytes;
  const bool own = arguments.text("boot") == "own";
  owlbit_soc_shape shape;
  check(owlbit_soc_boot(0, own ? nullptr : image.bytes.data(), uint32_t(image.bytes.size()), &shape), "booting");
  if (shape.rows != image.rows || shape.columns != image.columns || shape.colours != image.colours || shape.classes != image.classes)
    stop(PROTOCOL, "the registers say another shape than the image");
  const uint64_t booted = cycle;
  std::vector<int16_t> scores(count * image.classes);
  for (size_t frame = 0; frame <= count; frame++) {  // the next frame is sent while the last one is at work
    if (frame < count) check(owlbit_soc_send(0, &frames[frame * image.frame_bytes], uint32_t(image.frame_bytes)), "a frame");
    if (frame > 0) check(owlbit_soc_scores(0, &scores[(frame - 1) * image.classes], uint16_t(image.classes)), "reading scores");
  }
  if (bus_read(OWLBIT_SOC_FRAMES) != count) stop(PROTOCOL, "the register FRAMES is wrong");
  if (bus_read(OWLBIT_SOC_STATUS) != (OWLBIT_SOC_BOOTED | OWLBIT_SOC_IDLE)) stop(PROTOCOL, "the register STATUS is wrong at the end");
  std::printf("{\"boot\": %llu, \"cycles\": %llu}\n", (unsigned long long)booted, (unsigned long long)cycle);
  return judge(arguments, image, scores);
}

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  const Arguments arguments(argc, argv);
  Vowlbit_wishbone model;
  SpiFlash spi(arguments.text("image").empty() ? Bytes() : read_image(arguments).bytes, 0x20000);
  Trace signals(arguments, "wb_cyc_i,wb_stb_i,wb_we_i,wb_adr_i,wb_dat_i,wb_sel_i,wb_stall_o,wb_ack_o,wb_dat_o");
  core = &model, flash = &spi, trace = &signals;
  random_ = Random(arguments.number("seed", 0));
  limit = arguments.number("max_cycles", 1000000000);
  pipelined = arguments.text("master") == "pipelined";
  model.wb_cyc_i = model.wb_stb_i = model.wb_we_i = 0;
  model.flash_miso = 1;
  model.wb_rst_i = 1;
  for (int index = 0; index < 4; index++) tick();
  model.wb_rst_i = 0;
  tick();
  return arguments.text("script").empty() ? run_frames(arguments) : run_script(arguments);
}

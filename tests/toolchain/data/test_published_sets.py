"""Official data sets: small files of the published formats, exact pixels, and one sentence for each mistake."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.data import archives as official_archives
from owlbit.toolchain.data.archives import ARCHIVES, locate
from owlbit.toolchain.data.dataset import Dataset
from owlbit.toolchain.data.image_files import fit_images
from owlbit.toolchain.data.load_dataset import load_dataset
from owlbit.toolchain.data.published_sets import CIFAR10_NAMES, read_official
from owlbit.toolchain.recipes.data import Data
from owlbit.toolchain.recipes.recipe import load_recipe, with_data
from owlbit.toolchain.runs.run_folder import run_recipe, start_run
from published_files import Pixels, archive_of, cifar10_files, cifar100_files, folder_of, pixels, records, stl10_files

RGB32, RGB96 = ((32, 32), "rgb"), ((96, 96), "rgb")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OWLBIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def vouch_for(source: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the MD5 of the small archive at `path` the expected one."""
    known = replace(ARCHIVES[source], md5=hashlib.md5(path.read_bytes()).hexdigest())
    monkeypatch.setitem(official_archives.ARCHIVES, source, known)


def png(seed: int, size: int = 96) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels(1, size, seed)[0].transpose(1, 2, 0)).save(file, "png")
    return file.getvalue()


def test_cifar10_pixels_and_labels(tmp_path: Path) -> None:
    train, test, names = read_official("cifar10", folder_of(tmp_path / "a", cifar10_files()), *RGB32)
    np.testing.assert_array_equal(train.images, np.concatenate([pixels(4, 32, number) for number in range(1, 6)]))
    np.testing.assert_array_equal(train.labels, [1, 0, 9, 1, 2, 0, 9, 1, 3, 0, 9, 1, 4, 0, 9, 1, 5, 0, 9, 1])
    assert test is not None
    np.testing.assert_array_equal(test.images, pixels(3, 32, 9))
    np.testing.assert_array_equal(test.labels, [2, 1, 0])
    assert names == CIFAR10_NAMES


def test_cifar100_uses_the_fine_labels(tmp_path: Path) -> None:
    train, test, names = read_official("cifar100", folder_of(tmp_path / "a", cifar100_files()), *RGB32)
    np.testing.assert_array_equal(train.images, pixels(4, 32, 1))
    np.testing.assert_array_equal(train.labels, [2, 1, 2, 0])
    assert test is not None
    np.testing.assert_array_equal(test.labels, [0, 2])
    assert names == ("apple", "aquarium_fish", "baby")


def test_stl10_is_stored_by_columns_and_counts_from_one(tmp_path: Path) -> None:
    train, test, names = read_official("stl10", folder_of(tmp_path / "a", stl10_files()), *RGB96)
    np.testing.assert_array_equal(train.images, pixels(3, 96, 1))
    np.testing.assert_array_equal(train.labels, [0, 1, 0])
    assert test is not None
    np.testing.assert_array_equal(test.images, pixels(2, 96, 2))
    np.testing.assert_array_equal(test.labels, [1, 0])
    assert names == ("airplane", "bird")


def test_gray_and_another_size_are_as_pillow_makes_them(tmp_path: Path) -> None:
    train, _, _ = read_official("cifar10", folder_of(tmp_path / "a", cifar10_files()), (32, 32), "gray")
    first = Image.fromarray(pixels(4, 32, 1)[0].transpose(1, 2, 0))
    np.testing.assert_array_equal(train.images[0, 0], np.asarray(first.convert("L")))
    assert train.images.shape == (20, 1, 32, 32)
    smaller = fit_images(pixels(4, 32, 1), (16, 16), "rgb")
    np.testing.assert_array_equal(smaller[0].transpose(1, 2, 0), np.asarray(first.resize((16, 16), Image.Resampling.BILINEAR)))


@pytest.mark.parametrize(("source", "files"), [("cifar10", cifar10_files), ("cifar100", cifar100_files), ("stl10", stl10_files)])
def test_archive_folder_and_cache_give_the_same(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, source: str, files: Callable[[], dict[str, bytes]]
) -> None:
    archive = archive_of(tmp_path / "here" / ARCHIVES[source].file, ARCHIVES[source].folder, files())
    vouch_for(source, archive, monkeypatch)
    size = RGB96 if source == "stl10" else RGB32
    from_folder = read_official(source, folder_of(tmp_path / "there" / ARCHIVES[source].folder, files()).parent, *size)
    assert not own_cache.exists()
    from_archive = read_official(source, archive, *size)
    (kept,) = own_cache.glob("*.npz")
    from_cache = read_official(source, archive.parent, *size)
    kept.write_bytes(kept.read_bytes()[:1000])
    from_damaged_cache = read_official(source, archive.parent, *size)
    for other in (from_archive, from_cache, from_damaged_cache):
        assert other[2] == from_folder[2]
        for one, same in zip(other[:2], from_folder[:2], strict=True):
            assert one is not None and same is not None
            np.testing.assert_array_equal(one.images, same.images)
            np.testing.assert_array_equal(one.labels, same.labels)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An archive that this machine serves to itself, in the place of CIFAR-10's."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    path = archive_of(tmp_path / "served" / "cifar-10-binary.tar.gz", "cifar-10-batches-bin", cifar10_files())
    handler = partial(SimpleHTTPRequestHandler, directory=path.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{path.name}"
        monkeypatch.setitem(official_archives.ARCHIVES, "cifar10", replace(ARCHIVES["cifar10"], url=url))
        yield path
        server.shutdown()


def test_an_archive_is_fetched_once_into_the_cache_folder(served: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vouch_for("cifar10", served, monkeypatch)
    assert locate("cifar10", None) == own_cache / served.name
    content = served.read_bytes()
    served.unlink()
    assert locate("cifar10", None).read_bytes() == content
    (own_cache / served.name).write_bytes(content[:-1])
    with pytest.raises(OwlbitError, match=r"expected the archive .* with MD5 .*; fetch it again"):
        locate("cifar10", None)


@pytest.mark.parametrize(("gone", "reason"), [(False, "its content is not the published one"), (True, "HTTPError")])
def test_what_cannot_be_fetched_leaves_nothing(served: Path, own_cache: Path, gone: bool, reason: str) -> None:
    if gone:
        served.unlink()
    with pytest.raises(
        OwlbitError, match=rf"cifar10: could not fetch http://.*\({reason}\); fetch it yourself and give --data DIR"
    ):
        locate("cifar10", None)
    assert not list(own_cache.glob("*.tar.gz"))


def pages(folder: Path, images: Pixels, labels: list[int], rows: int, columns: int, split: str = "train") -> Path:
    folder.mkdir(exist_ok=True)
    step = rows * columns
    for start in range(0, len(images), step):
        page = Image.new("RGB", (32 * columns, 32 * rows))
        for index, image in enumerate(images[start : start + step]):
            page.paste(Image.fromarray(image.transpose(1, 2, 0)), (32 * (index % columns), 32 * (index // columns)))
        page.save(folder / f"{split}-{start // step:02}.webp", lossless=True)
    np.save(folder / f"{split}-labels.npy", np.array(labels, dtype=np.uint8))
    return folder


def test_cifar10_in_lossless_pages(tmp_path: Path) -> None:
    pages(tmp_path / "p", pixels(12, 32, 3), [*range(10), 0, 1], rows=2, columns=3)
    pages(tmp_path / "p", pixels(4, 32, 4), [3, 2, 1, 0], rows=2, columns=2, split="test")
    train, test, names = read_official("cifar10", tmp_path / "p", *RGB32)
    np.testing.assert_array_equal(train.images, pixels(12, 32, 3))
    np.testing.assert_array_equal(train.labels, [*range(10), 0, 1])
    assert test is not None
    np.testing.assert_array_equal(test.images, pixels(4, 32, 4))
    np.testing.assert_array_equal(test.labels, [3, 2, 1, 0])
    assert names == CIFAR10_NAMES


def test_pages_and_labels_must_agree(tmp_path: Path) -> None:
    folder = pages(tmp_path / "p", pixels(6, 32, 3), [0] * 5, rows=2, columns=3)
    with pytest.raises(OwlbitError, match=r"train-labels\.npy: expected labels uint8 \[6\], one for each tile of the 1 pages"):
        read_official("cifar10", folder, *RGB32)
    Image.new("RGB", (64, 40)).save(folder / "train-00.webp", lossless=True)
    with pytest.raises(OwlbitError, match=r"train-00\.webp: expected a page of whole 32x32 tiles, got 64x40 pixels"):
        read_official("cifar10", folder, *RGB32)
    (folder / "train-00.webp").write_bytes(b"RIFF")
    with pytest.raises(OwlbitError, match=r"train-00\.webp: expected a page of tiles, could not read it"):
        read_official("cifar10", folder, *RGB32)


def test_vww_folder_and_archive(tmp_path: Path) -> None:
    files = {
        f"{name}/{index}.png": png(index) for name in ("person", "non_person") for index in range(3 if name == "person" else 2)
    }
    folder = folder_of(tmp_path / "a" / "vw_coco2014_96", files)
    archive = archive_of(tmp_path / "b" / "vw_coco2014_96.tar.gz", "vw_coco2014_96", files)
    whole = np.concatenate([pixels(1, 96, index) for index in (0, 1, 0, 1, 2)])
    for place in (folder, folder.parent, archive, archive.parent, archive):
        train, test, names = read_official("vww", place, *RGB96)
        assert (test, names) == (None, ("non_person", "person"))
        np.testing.assert_array_equal(train.images, whole)
        np.testing.assert_array_equal(train.labels, [0, 0, 1, 1, 1])
    folder_of(folder, {"dog/1.png": png(1)})
    with pytest.raises(OwlbitError, match="expected the folders non_person and person, got dog, non_person, person"):
        read_official("vww", folder, *RGB96)
    lonely = archive_of(tmp_path / "c.tar.gz", "vw_coco2014_96", {"person/1.png": png(1)})
    with pytest.raises(OwlbitError, match="expected images in non_person and in person"):
        read_official("vww", lonely, *RGB96)
    with pytest.raises(OwlbitError, match=r"expected a local copy of vw_coco2014_96\.tar\.gz.*give --data DIR"):
        read_official("vww", None, *RGB96)


def test_imagenet_folders(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "a", {f"{part}/{name}/1.png": png(7, 20) for part in ("train", "val") for name in ("n01", "n02")})
    train, test, names = read_official("imagenet", root, (20, 20), "rgb")
    assert test is not None
    for part in (train, test):
        np.testing.assert_array_equal(part.images, np.concatenate([pixels(1, 20, 7)] * 2))
        np.testing.assert_array_equal(part.labels, [0, 1])
    assert names == ("n01", "n02")
    folder_of(root, {"val/n03/1.png": png(1)})
    with pytest.raises(OwlbitError, match="val: expected the 2 classes of train, got 3"):
        read_official("imagenet", root, (20, 20), "rgb")
    with pytest.raises(OwlbitError, match="expected the folders train and val, each with one folder per class, found no train"):
        read_official("imagenet", root / "val", (20, 20), "rgb")
    with pytest.raises(OwlbitError, match="expected a folder with train and val"):
        read_official("imagenet", None, (20, 20), "rgb")


def cut(name: str, length: int) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.__setitem__(name, files[name][:length])


@pytest.mark.parametrize(
    ("source", "files", "spoil", "message"),
    [
        (
            "cifar10",
            cifar10_files,
            cut("test_batch.bin", 5000),
            r"test_batch\.bin: expected whole records of 3073 bytes, got 5,000",
        ),
        ("cifar10", cifar10_files, cut("test_batch.bin", 0), "expected whole records of 3073 bytes, got 0 bytes"),
        ("cifar10", cifar10_files, lambda files: files.pop("data_batch_3.bin"), r"expected the file data_batch_3\.bin, found none"),
        (
            "cifar10",
            cifar10_files,
            lambda files: files.update({"test_batch.bin": records(pixels(1, 32), [10])}),
            r"test_batch\.bin: expected labels of 10 classes, got label 10",
        ),
        ("cifar100", cifar100_files, cut("train.bin", 3073), r"train\.bin: expected whole records of 3074 bytes, got 3,073 bytes"),
        ("cifar100", cifar100_files, cut("fine_label_names.txt", 0), "expected one class name a line, got none"),
        ("stl10", stl10_files, cut("train_X.bin", 96), r"train_X\.bin: expected whole images of 27648 bytes, got 96 bytes"),
        ("stl10", stl10_files, cut("test_y.bin", 1), r"test_y\.bin: expected 2 labels, one for each image, got 1; fetch the data"),
        ("stl10", stl10_files, lambda files: files.update({"test_y.bin": b"\0\1"}), r"test_y\.bin: expected labels 1 to 2, got 0"),
        (
            "stl10",
            stl10_files,
            lambda files: files.update({"test_y.bin": b"\1\13"}),
            r"test_y\.bin: expected labels 1 to 2, got 11",
        ),
        ("stl10", stl10_files, lambda files: files.pop("train_y.bin"), r"expected the file train_y\.bin, found none"),
    ],
)
def test_what_is_wrong_with_a_copy_is_one_sentence(
    tmp_path: Path,
    source: str,
    files: Callable[[], dict[str, bytes]],
    spoil: Callable[[dict[str, bytes]], None],
    message: str,
) -> None:
    spoilt = files()
    spoil(spoilt)
    with pytest.raises(OwlbitError, match=message) as caught:
        read_official(source, folder_of(tmp_path / "a", spoilt), *RGB32)
    assert "\n" not in str(caught.value)


def test_a_damaged_archive_and_nothing_at_all(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(tmp_path / "cifar-10-binary.tar.gz", "cifar-10-batches-bin", cifar10_files())
    archive.write_bytes(archive.read_bytes()[:30000])
    with pytest.raises(OwlbitError, match=r"expected the archive cifar-10-binary\.tar\.gz with MD5"):
        read_official("cifar10", archive, *RGB32)
    vouch_for("cifar10", archive, monkeypatch)
    with pytest.raises(OwlbitError, match="expected a tar archive, could not read it"):
        read_official("cifar10", archive, *RGB32)
    assert not list(own_cache.glob("*"))
    (tmp_path / "no.tar.gz").write_bytes(b"nothing of the kind")
    with pytest.raises(OwlbitError, match="expected a tar archive, could not read it") as caught:
        read_official("vww", tmp_path / "no.tar.gz", *RGB32)
    assert "\n" not in str(caught.value)
    with pytest.raises(OwlbitError, match=r"expected cifar-10-binary\.tar\.gz or its unpacked folder, found nothing there"):
        read_official("cifar10", tmp_path / "none", *RGB32)


def load_cifar100(tmp_path: Path) -> Dataset:
    labels = [index % 3 for index in range(30)]
    files = cifar100_files() | {"train.bin": records(pixels(30, 32, 1), labels, labels)}
    return load_dataset(Data("cifar100", (32, 32), path="a", colour="rgb", validation=0.2), folder_of(tmp_path / "a", files).parent)


def test_validation_comes_out_of_the_training_part_only(tmp_path: Path) -> None:
    dataset = load_cifar100(tmp_path)
    assert dataset.test is not None
    np.testing.assert_array_equal(dataset.test.images, pixels(2, 32, 2))
    np.testing.assert_array_equal(np.bincount(dataset.validation.labels), [2, 2, 2])
    np.testing.assert_array_equal(np.bincount(dataset.train.labels), [8, 8, 8])
    both = np.concatenate([dataset.train.images, dataset.validation.images])
    np.testing.assert_array_equal(np.sort(both[:, 0, 0, 0]), np.sort(pixels(30, 32, 1)[:, 0, 0, 0]))


RECIPE = '[data]\nsource = "{}"\nsize = [32, 32]\n{}\n[input]\nthresholds = 4\n[[layers]]\nkind = "conv"\nfilters = 4\n'


def test_recipes_of_official_sets(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format("cifar10", 'colour = "rgb"'))
    recipe = load_recipe(path)
    assert recipe.input_shape == (3, 32, 32)
    assert recipe.data.path == ""
    assert with_data(recipe, tmp_path / "copy").data.path == str(tmp_path / "copy")
    path.write_text(RECIPE.format("stl10", "test_share = 0.1"))
    with pytest.raises(
        OwlbitError, match=r'data\.test_share: expected no such key with source "stl10", which has its own test images'
    ):
        load_recipe(path)
    path.write_text(RECIPE.format("digits", ""))
    with pytest.raises(OwlbitError, match=r'data\.source: expected a source that reads files, with --data, got "digits"'):
        with_data(load_recipe(path), tmp_path)


def test_a_run_remembers_where_its_images_were(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format("cifar10", 'colour = "rgb"'))
    recipe = with_data(load_recipe(path), tmp_path / "copy")
    start_run(tmp_path / "run", recipe, CIFAR10_NAMES, resume=False, overwrite=False)
    kept, names, _ = run_recipe(tmp_path / "run")
    assert (kept.data, names) == (recipe.data, CIFAR10_NAMES)
    facts = tmp_path / "run" / "run.json"
    facts.write_text(facts.read_text().replace(f'"{tmp_path / "copy"}"', "3"))
    with pytest.raises(
        OwlbitError, match=r"run\.json: expected JSON as training writes it, .* \(data_path: expected a text, got 3\); train again"
    ):
        run_recipe(tmp_path / "run")

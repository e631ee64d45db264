"""The side store: content addresses, disk, damage."""

from pathlib import Path

import numpy as np
import pytest
from tilefold.dialects.isa_operands import ElementType
from tilefold.dialects.schedule import TensorOp, TensorType
from tilefold.dialects.store import FILE_NAME, Store, StoreContext, store_of
from tilefold.errors import TilefoldError
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin


def test_equal_content_has_one_address() -> None:
    store = Store()
    one = store.put(np.arange(6, dtype=np.int8).reshape(2, 3))
    assert one == store.put(np.asfortranarray(np.arange(6, dtype=np.int8).reshape(2, 3)))
    assert one != store.put(np.arange(6, dtype=np.int8))
    assert one != store.put(np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert len(store.digests()) == 3
    assert one in store
    assert not store.get(one).flags.writeable


def test_later_changes_of_the_array_do_not_matter() -> None:
    store, array = Store(), np.zeros(3, np.float32)
    digest = store.put(array)
    array[0] = 1
    assert store.get(digest)[0] == 0


def test_other_data_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"a store holds bool, int8, .*, float64, not complex128"):
        Store().put(np.zeros(3, np.complex128))


def test_saved_and_loaded(tmp_path: Path) -> None:
    store = Store()
    arrays = [np.arange(5, dtype=np.int32), np.ones((2, 2), np.float32), np.zeros((), np.uint8)]
    digests = [store.put(array) for array in arrays]
    store.save(tmp_path / "new")
    loaded = Store.load(tmp_path / "new")
    assert loaded.digests() == tuple(sorted(digests))
    for digest, array in zip(digests, arrays, strict=True):
        np.testing.assert_array_equal(loaded.get(digest), array)
        assert loaded.get(digest).dtype == array.dtype
        assert not loaded.get(digest).flags.writeable
    loaded.put(np.zeros(7, np.int8))
    loaded.save(tmp_path / "new")
    assert len(Store.load(tmp_path / "new").digests()) == 4


def test_missing_and_damaged(tmp_path: Path) -> None:
    with pytest.raises(TilefoldError, match=r": no such store; it is written by `Store\.save`"):
        Store.load(tmp_path)
    with pytest.raises(TilefoldError, match=r"no array 0{32}; pass the store it came with"):
        Store().get("0" * 32)
    store = Store()
    digest = store.put(np.arange(100, dtype=np.int8))
    store.save(tmp_path)
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(TilefoldError, match=f": array {digest} is damaged; write the store again"):
        Store.load(tmp_path).get(digest)
    path.write_bytes(content[:20])
    with pytest.raises(TilefoldError, match=": not a readable store: "):
        Store.load(tmp_path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TilefoldError, match=r"cannot write the store: .*(exists|directory)"):
        Store().save(tmp_path / "file")


def test_stored_constants_have_the_size_of_their_tensors() -> None:
    store = Store()
    digest = store.put(np.zeros(7, np.uint8))
    tensor = TensorOp("constant", "weights", TensorType((2, 4), ElementType.U8), data=digest)
    with pytest.raises(TilefoldError, match="constant weights: the store has 7 bytes of it, "):
        tensor.bytes(store)


def test_context() -> None:
    context = StoreContext()
    context.load_dialect(Builtin)
    copy = context.clone()
    assert store_of(copy) is context.store
    assert list(copy.loaded_dialects) == [Builtin]
    with pytest.raises(
        TilefoldError, match="needs the store of the network's arrays; pass --store"
    ):
        store_of(Context())

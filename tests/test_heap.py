"""A process asks the C library to be thrifty; nothing that it computes depends on that."""

from concurrent.futures import ThreadPoolExecutor

from services.heap import give_back, share_heaps


def test_threads_work_as_before_on_shared_heaps_and_after_giving_back() -> None:
    def work(number: int) -> int:
        return sum(len(bytes(70_000 + number)) for _ in range(50))

    with ThreadPoolExecutor(16) as threads:
        before = list(threads.map(work, range(64)))
        share_heaps()
        give_back()
        assert list(threads.map(work, range(64))) == before

"""Distribute work over several processes. Run it: python examples/sockets/push_pull.py"""

from multiprocessing import Process

from lkas.integration.shared_memory.sockets import Puller, Pusher


def work() -> None:
    with Puller("tasks") as tasks, Pusher("results") as results:
        while (number := tasks.recv()) is not None:
            results.send((number, number**2), timeout=10_000)


if __name__ == "__main__":
    workers = [Process(target=work) for _ in range(2)]
    with Pusher("tasks") as tasks, Puller("results") as results:
        for worker in workers:
            worker.start()
        for number in range(10):
            tasks.send(number, timeout=10_000)  # the first one waits for a worker
        print(dict(sorted(results.recv() for _ in range(10))))
        while any(worker.is_alive() for worker in workers):
            tasks.send(None, timeout=100)

"""One process sends, all receive. Run it: python examples/sockets/publish_subscribe.py"""

from multiprocessing import Process

from lkas.integration.shared_memory.sockets import Publisher, Subscriber


def robot(number: int) -> None:
    with Subscriber("robot_commands") as commands:
        while (command := commands.recv())["cmd"] != "stop":
            print(f"robot {number} does {command}")


if __name__ == "__main__":
    robots = [Process(target=robot, args=(number,)) for number in range(2)]
    with Publisher("robot_commands") as commands:
        for process in robots:
            process.start()
        commands.send({"cmd": "move", "pos": [1.0, 2.0, 3.0]}, timeout=10_000)  # waits for the first robot
        while any(process.is_alive() for process in robots):  # the other one may start later
            commands.send({"cmd": "stop"}, timeout=100)

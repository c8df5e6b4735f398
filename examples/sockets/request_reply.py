"""One request, one reply. Run it: python examples/sockets/request_reply.py"""

from multiprocessing import Process

from lkas.integration.shared_memory.sockets import Replier, Requester


def serve() -> None:
    with Replier("control_service") as server:
        request = server.recv()
        server.send({"status": "ok", "to": request["query"]})


if __name__ == "__main__":
    Process(target=serve).start()
    with Requester("control_service") as client:
        client.send({"query": "status"}, timeout=10_000)  # waits for the server
        print(client.recv(timeout=10_000))  # milliseconds; SHMConnectionError at once if the server dies

"""A small REST API: meeting rooms and who has booked them, in memory. `rooms.json` describes it."""

import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PORT = 8790
ROOMS = {"attic": 6, "cellar": 4, "hall": 40}
BOOKED: dict[tuple[str, int], str] = {}


class Rooms(BaseHTTPRequestHandler):
    """GET /rooms?seats=N, POST /rooms/ROOM/bookings."""

    def do_GET(self) -> None:
        """List the rooms with enough seats."""
        asked = urlsplit(self.path)
        if asked.path != "/rooms":
            return self.answer(HTTPStatus.NOT_FOUND, {"error": "there is /rooms"})
        least = int(parse_qs(asked.query).get("seats", ["0"])[0])
        rooms = [{"room": room, "seats": seats} for room, seats in ROOMS.items() if seats >= least]
        return self.answer(HTTPStatus.OK, rooms)

    def do_POST(self) -> None:
        """Book a room for an hour."""
        room = self.path.removeprefix("/rooms/").removesuffix("/bookings")
        wanted = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if room not in ROOMS:
            return self.answer(HTTPStatus.NOT_FOUND, {"error": f"the rooms are {', '.join(ROOMS)}"})
        taken = BOOKED.setdefault((room, wanted["hour"]), wanted["name"])
        if taken != wanted["name"]:
            return self.answer(HTTPStatus.CONFLICT, {"error": f"{taken} has it at that hour"})
        return self.answer(HTTPStatus.CREATED, {"room": room, **wanted})

    def answer(self, status: HTTPStatus, content: object) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else PORT
    with ThreadingHTTPServer(("127.0.0.1", port), Rooms) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()

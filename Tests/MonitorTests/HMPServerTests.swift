import EventLoop
import Monitor
import TestSupport
import Testing

@Suite struct HMPServerTests {
  /// Noise, half commands and clients that leave.
  @Test(arguments: 0..<8)
  func `Whatever a client sends, the next one is greeted`(seed: Int) throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      var generator = SeededGenerator(seed: UInt64(seed))
      let server = try TestServer(FakeMachine(), path, .hmp(TestServer.version))
      for _ in 0..<20 {
        try annoy(path, using: &generator)
        // The socket's queue of clients is short, and a connection waits for room in it.
        turnLoop(until: { !server.hasClient && !MainLoop.turn(waiting: false) })
      }
      let client = try TestClient(path: path)
      client.send("info version\r")
      #expect(
        client.lines(3) == [
          "p monitor - type 'help' for more information", "(qemu) info version", "11.1.3 (p)",
        ])
      server.close()
    }
  }

  /// Sends noise and pieces of commands, with or without time for the monitor to answer, and leaves.
  @VMMain private func annoy(_ path: String, using generator: inout SeededGenerator) throws {
    let client = try TestClient(path: path)
    for _ in 0..<Int.random(in: 0..<8, using: &generator) {
      let count = Int.random(in: 0..<3000, using: &generator)
      client.send((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
      client.send(
        ["info trace-events *\r", "help\r\r", "info ", "device_add "]
          .randomElement(using: &generator) ?? "")
      for _ in 0..<Int.random(in: 0..<4, using: &generator) {
        MainLoop.turn(waiting: false)
      }
    }
  }
}

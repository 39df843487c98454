import Board
import Testing

@Suite final class MuxBackendTests {
  private final class Log {
    var quits = 0
    var saves = 0
  }

  private let base = RecordingBackend()
  private let log = Log()
  private let first = RecordingReceiver()
  private let second = RecordingReceiver()
  private let ports: [any CharacterBackend]
  private let mux: MuxBackend

  init() {
    mux = MuxBackend(
      over: base,
      commands: MuxCommands(
        quit: { [log] in log.quits += 1 }, saveDisks: { [log] in log.saves += 1 }))
    ports = [mux.makePort(), mux.makePort()]
    ports[0].attach(first)
    ports[1].attach(second)
  }

  deinit { mux.close() }

  private func type(_ text: String) { base.send(Array(text.utf8)) }

  private var output: String { String(decoding: base.output, as: UTF8.self) }

  @Test func theLastDeviceHasTheKeyboardAndCtrlACSwitches() {
    type("a\u{1}cb\u{1}cc")
    #expect(first.text == "b")
    #expect(second.text == "ac")
  }

  @Test func whoGetsOrLosesTheKeyboardHearsOfIt() {
    #expect(first.notices == ["no focus"])
    #expect(second.notices == [])
    type("\u{1}c\u{1}c")
    #expect(first.notices == ["no focus", "focus", "no focus"])
    #expect(second.notices == ["no focus", "focus"])
    let third = RecordingReceiver()
    let port = mux.makePort()
    port.attach(third)
    #expect(second.notices.last == "no focus")
    #expect(third.notices == [])
  }

  @Test func theOnlyDeviceKeepsTheKeyboard() {
    let alone = MuxBackend(over: RecordingBackend(), commands: MuxCommands(quit: {}))
    defer { alone.close() }
    let port = alone.makePort()
    let receiver = RecordingReceiver()
    port.attach(receiver)
    alone.receive(0x01)
    alone.receive(UInt8(ascii: "c"))
    alone.receive(UInt8(ascii: "k"))
    #expect(receiver.notices == [])
    #expect(receiver.text == "k")
  }

  @Test func everyDeviceHearsWhoComesAndGoesAndAHalfTypedCommandGoesAlong() {
    base.open()
    #expect(first.notices == ["no focus", "opened"])
    #expect(second.notices == ["opened"])
    let late = RecordingReceiver()
    let port = mux.makePort()
    port.attach(late)
    #expect(late.notices == ["opened"])
    type("a\u{1}")
    base.hangUp()
    #expect(second.notices == ["opened", "no focus", "closed"])
    #expect(late.notices == ["opened", "closed"])
    type("xb")
    #expect(late.text == "axb")
    #expect(log.quits == 0)
  }

  @Test func theEscapeKeyTwiceIsTheKeyItself() {
    type("a\u{1}\u{1}b")
    #expect(second.text == "a\u{1}b")
  }

  @Test func anUnknownKeyIsSwallowed() {
    type("a\u{1}zb")
    #expect(second.text == "ab")
    #expect(output == "")
  }

  @Test func breakQuitAndSaveReachWhoTheyAreFor() {
    type("\u{1}b\u{1}s\u{1}x")
    #expect(second.breaks == 1)
    #expect(first.breaks == 0)
    #expect(log.saves == 1)
    #expect(log.quits == 1)
    #expect(output == "swiftvmm: Terminated\n\r")
  }

  @Test func helpNamesEachKey() {
    type("\u{1}h")
    let keys = ["h", "x", "s", "b", "c", "C-a"]
    let lines = output.split(separator: "\n\r", omittingEmptySubsequences: false)
    #expect(lines.count == keys.count + 2)
    for (line, key) in zip(lines.dropFirst(), keys) { #expect(line.hasPrefix("C-a \(key) ")) }
    #expect(second.input.isEmpty)
  }

  @Test func helpIsCutWhereThereIsNoRoom() {
    base.room = 10
    type("\u{1}h")
    #expect(base.output.count == 10)
  }

  @Test func everyDeviceWritesAndEveryOneHearsOfRoom() {
    #expect(ports[0].write(1) && ports[1].write(2))
    #expect(base.output == [1, 2])
    base.room = 0
    #expect(!ports[0].write(3))
    base.giveRoom(1)
    #expect(first.roomCalls == 1)
    #expect(second.roomCalls == 1)
  }

  @Test func aDeviceWithoutRoomStillHasItsCommandsHeard() {
    second.inputRoom = 2
    type("abcd\u{1}b")
    #expect(second.text == "ab")
    #expect(second.breaks == 1)
    second.inputRoom = 10
    ports[1].resumeInput()
    #expect(second.text == "abcd")
  }

  @Test func whatWaitsForADeviceIsBounded() {
    second.inputRoom = 0
    let sent = base.send([UInt8](repeating: 0x61, count: 100_000))
    #expect(sent == 4096)
    second.inputRoom = .max
    ports[1].resumeInput()
    #expect(second.input.count == sent)
    #expect(base.send([1]) == 1)
  }

  @Test func anotherEscapeKeyCanBeChosen() {
    let other = RecordingBackend()
    let mux = MuxBackend(over: other, escape: 0x14, commands: MuxCommands(quit: {}))
    defer { mux.close() }
    let port = mux.makePort()
    port.attach(first)
    other.send([0x01, 0x14, 0x68])
    #expect(first.input == [1])
    #expect(String(decoding: other.output, as: UTF8.self).hasPrefix("\n\rC-t h "))
  }

  @Test(arguments: [
    (0x01, "\n\rC-a h    print this help\n\r"), (0x1a, "\n\rC-z h    print this help\n\r"),
    (0x00, "\n\rEscape-Char set to Ascii: 0x00\n\r\n\rEscape-Char h    print this help\n\r"),
    (0x1c, "\n\rEscape-Char set to Ascii: 0x1c\n\r\n\rEscape-Char h    print this help\n\r"),
  ])
  func helpNamesTheEscapeKeyAsQEMUDoes(key: UInt8, start: String) {
    let other = RecordingBackend()
    let mux = MuxBackend(over: other, escape: key, commands: MuxCommands(quit: {}))
    defer { mux.close() }
    let port = mux.makePort()
    port.attach(first)
    other.send([key, UInt8(ascii: "h")])
    #expect(String(decoding: other.output, as: UTF8.self).hasPrefix(start))
    #expect(first.input.isEmpty)
  }
}

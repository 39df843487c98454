import EventLoop
import Machine
import Monitor
import TestSupport
import Testing

/// The expected answers are those of QEMU for the same lines, except that QEMU ends at most of the
/// wrong ones.
@Suite struct QtestSessionTests {
  @Test(arguments: [
    ("inb 0x70", "OK 0x00ff", FakeMachine.Request.readPort(0x70, 1)),
    ("inw 3320", "OK 0xffff", .readPort(0xcf8, 2)),
    ("inl 0xCF8", "OK 0xffffffff", .readPort(0xcf8, 4)),
    ("outb 0x80 0x1ff", "OK", .writePort(0x80, 1, 0xff)),
    ("outw 0x80 0x12345", "OK", .writePort(0x80, 2, 0x2345)),
    ("outl 0xcf8 0x80000000", "OK", .writePort(0xcf8, 4, 0x8000_0000)),
    ("readb 010000", "OK 0x0000000000000000", .readMemory(0x1000, 1)),
    ("readw 4096 junk", "OK 0x0000000000000000", .readMemory(0x1000, 2)),
    ("readl 0x1000", "OK 0x0000000000000000", .readMemory(0x1000, 4)),
    ("readq 0xffffffffffffffff", "OK 0x0000000000000000", .readMemory(.max, 8)),
    ("writeb 0x1000 0x1ff", "OK", .writeMemory(0x1000, 1, 0xff)),
    ("writew 0x1000 1", "OK", .writeMemory(0x1000, 2, 1)),
    ("writel 0x1000 0x123456789", "OK", .writeMemory(0x1000, 4, 0x2345_6789)),
    ("writeq 0x1000 0xffffffffffffffff", "OK", .writeMemory(0x1000, 8, .max)),
  ])
  func oneAccessIsOneRequestToTheMachine(
    _ line: String, _ answer: String, _ request: FakeMachine.Request
  ) {
    MainLoop.own {
      let machine = FakeMachine()
      #expect(QtestSession(control: machine).answers(to: line + "\n") == answer + "\n")
      #expect(machine.requests == [request])
    }
  }

  @Test func blocksAreWrittenFilledAndReadBack() {
    MainLoop.own {
      let session = QtestSession(control: FakeMachine())
      #expect(session.answers(to: "write 0x1001 4 0xdeadBEEF\n") == "OK\n")
      #expect(session.answers(to: "read 0x1000 6\n") == "OK 0x00deadbeef00\n")
      #expect(session.answers(to: "readl 0x1001\n") == "OK 0x00000000efbeadde\n")
      // Short data is filled up with zeroes, long data is cut.
      #expect(session.answers(to: "write 0x1001 4 0x11\nread 0x1001 4\n") == "OK\nOK 0x11000000\n")
      #expect(session.answers(to: "write 0x1001 1 0x2233\nread 0x1001 2\n") == "OK\nOK 0x2200\n")
      #expect(
        session.answers(to: "memset 0x1000 3 0x15a\nread 0x1000 4\n") == "OK\nOK 0x5a5a5a00\n")
      #expect(session.answers(to: "memset 0x1000 0 1\nread 0x1000 1\n") == "OK\nOK 0x5a\n")
    }
  }

  @Test func aBlockIsReadInAlignedAccessesOfAtMostFourBytes() {
    MainLoop.own {
      let machine = FakeMachine()
      _ = QtestSession(control: machine).answers(to: "read 0x1001 12\n")
      #expect(
        machine.requests == [
          .readMemory(0x1001, 1), .readMemory(0x1002, 2), .readMemory(0x1004, 4),
          .readMemory(0x1008, 4), .readMemory(0x100c, 1),
        ])
    }
  }

  @Test func aBlockWrapsAtTheEndOfTheAddressSpace() {
    MainLoop.own {
      let session = QtestSession(control: FakeMachine())
      #expect(session.answers(to: "write 0xfffffffffffffffe 4 0x01020304\n") == "OK\n")
      #expect(session.answers(to: "read 0 2\n") == "OK 0x0304\n")
    }
  }

  @Test(arguments: [
    ("foo bar", "FAIL Unknown command 'foo'"),
    ("", "FAIL Unknown command ''"),
    (" readb 1", "FAIL Unknown command ''"),
    ("write 0x1000 4 0x", "ERR invalid argument size"),
    ("write 0x1000 4 zz", "ERR invalid argument size"),
    ("write 0x1000 4 zzz", "FAIL data is not a hexadecimal number with 0x"),
    ("write 0x1000 2 0x0g", "FAIL data is not a hexadecimal number with 0x"),
    ("write 0x1000 4", "FAIL missing argument"),
    ("inb", "FAIL missing argument"),
    ("outb 1", "FAIL missing argument"),
    ("inb 0x10000", "FAIL not a port: 0x10000"),
    ("inb x", "FAIL not a number: 'x'"),
    ("inb -1", "FAIL not a number: '-1'"),
    ("inb +1", "FAIL not a number: '+1'"),
    ("inb 0x+1", "FAIL not a number: '0x+1'"),
    ("inb 08", "FAIL not a number: '08'"),
    ("inb ", "FAIL not a number: ''"),
    ("readb 0x10000000000000000", "FAIL not a number: '0x10000000000000000'"),
    ("read 0 0", "FAIL invalid size: 0 (at most 1048576 bytes)"),
    ("read 0 0x100001", "FAIL invalid size: 1048577 (at most 1048576 bytes)"),
    (
      "memset 0 0xffffffffffffffff 1",
      "FAIL invalid size: 18446744073709551615 (at most 1048576 bytes)"
    ),
  ])
  func aWrongLineIsAnsweredAndDoesNothing(_ line: String, _ answer: String) {
    MainLoop.own {
      let machine = FakeMachine()
      let session = QtestSession(control: machine)
      #expect(session.answers(to: line + "\n") == answer + "\n")
      #expect(machine.requests.isEmpty)
      #expect(session.answers(to: "endianness\n") == "OK little\n")
    }
  }

  @Test func linesMayComeInPieces() {
    MainLoop.own {
      let session = QtestSession(control: FakeMachine())
      var answers = ""
      for byte in "outb 0x80 1\ninb 0x70\n".utf8 { answers += session.answers(to: [byte]) }
      #expect(answers == "OK\nOK 0x00ff\n")
    }
  }

  @Test func aLineThatIsTooLongIsDroppedToItsEnd() {
    MainLoop.own {
      let session = QtestSession(control: FakeMachine())
      let block = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 16)
      var answers = ""
      for _ in 0..<100 { answers += session.answers(to: block) }
      #expect(answers == "FAIL line too long\n")
      #expect(session.answers(to: "aaa\nendianness\n") == "OK little\n")
    }
  }

  @Test func whatIsNotReadIsNotAskedForAnyFurther() {
    MainLoop.own {
      let machine = FakeMachine()
      let session = QtestSession(control: machine)
      let lines = Array(String(repeating: "read 0 4096\n", count: 100).utf8)
      let taken = session.receive(lines[...])
      #expect(taken < lines.count)
      #expect(session.output.isFull)
      #expect(session.output.pending.count < OutputQueue.fullCount + 8200)
    }
  }

  @Test(arguments: 0..<32)
  func randomLinesNeverStopTheSessionAndEachIsAnsweredOnce(_ seed: Int) {
    MainLoop.own {
      var generator = SeededGenerator(seed: UInt64(seed))
      let session = QtestSession(control: FakeMachine())
      let words = [
        "inb", "outl", "readq", "writew", "read", "write", "memset", "0x10", "4096", "0x", "-1", "",
        "0xffffffffffffffff", "99999999999999999999", "0x0102", "\u{e9}",
      ]
      for _ in 0..<200 {
        var line: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<6, using: &generator) {
          if Int.random(in: 0..<8, using: &generator) == 0 {
            let byte = UInt8.random(in: .min ... .max, using: &generator)
            if byte != UInt8(ascii: "\n") { line.append(byte) }
          } else {
            line += (words.randomElement(using: &generator) ?? "").utf8
          }
          line.append(UInt8(ascii: " "))
        }
        let answer = session.answers(to: line + [UInt8(ascii: "\n")])
        #expect(answer.hasSuffix("\n"))
        #expect(answer.hasPrefix("OK") || answer.hasPrefix("FAIL ") || answer.hasPrefix("ERR "))
      }
    }
  }
}

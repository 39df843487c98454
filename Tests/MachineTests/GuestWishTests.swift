import Board
import CommandLine
import EventLoop
import Glibc
import HostKernel
import Machine
import SimulatedKernel
import Testing

@Suite struct GuestWishTests {
  /// What a machine told of, from its first turn on.
  @VMMain private final class Witness {
    var events: [MachineEvent] = []
  }

  @VMMain private static func machine(
    _ arguments: [String], _ witness: Witness
  ) throws -> SimulatedMachine {
    let host = try Checkout.host("nvme-flr")
    let machine = try SimulatedMachine(arguments, on: SimulatedKernel(host))
    machine.machine.observeEvents { witness.events.append($0) }
    return machine
  }

  @Test(
    arguments: [
      (4, [.guestPanicPortShutdown]), (6, [.guestCrashLoaded]),
      (1, [.guestPanicked(action: "poweroff")]),
    ] as [(UInt32, [MachineEvent])], [false, true])
  func whatAGuestSaysOfItselfIsToldBeforeWhatFollows(
    _ saying: (value: UInt32, told: [MachineEvent]), isHeld: Bool
  ) throws {
    try MainLoop.own {
      let witness = Witness()
      let machine = try Self.machine(
        ["-device", "pvpanic"] + (isHeld ? ["-no-shutdown"] : []), witness)
      machine.machine.writePort(0x505, size: 1, value: saying.value)
      #expect(witness.events.isEmpty)
      while witness.events.count < saying.told.count { MainLoop.turn() }
      let follows: [MachineEvent]
      switch (saying.value, isHeld) {
      case (4, false): follows = [.shutdown(.guestShutdown)]
      case (4, true): follows = [.shutdown(.guestShutdown), .stopped]
      case (1, false): follows = [.shutdown(.guestPanic)]
      case (1, true): follows = [.stopped]
      default: follows = []
      }
      #expect(witness.events == saying.told + follows)
      // The main loop was told to end.
      if !isHeld, follows != [] { #expect(MainLoop.run() == 0) }
    }
  }

  @Test(
    arguments: [
      (0x2000, [.shutdown(.guestShutdown)]),
      (0x2800, [.suspendedToDisk, .shutdown(.guestShutdown)]), (0x2400, []),
    ] as [(UInt32, [MachineEvent])])
  func aSleepIsToldByItsKind(control: UInt32, told: [MachineEvent]) throws {
    try MainLoop.own {
      let witness = Witness()
      let machine = try Self.machine([], witness)
      machine.writeConfigDword(slot: 31, offset: 0x40, 0x601)
      machine.writeConfig(slot: 31, offset: 0x44, 0x80)
      machine.machine.writePort(0x604, size: 2, value: control)
      // What a guest asks for next comes after, if the first was anything.
      if told.isEmpty { machine.machine.writePort(0xcf9, size: 1, value: 6) }
      while witness.events.isEmpty { MainLoop.turn() }
      #expect(witness.events == (told.isEmpty ? [.reset(.guestReset)] : told))
      if !told.isEmpty { #expect(MainLoop.run() == 0) }
    }
  }

  @Test(arguments: [(1, 0), (2, 1), (16, 15)] as [(Int, UInt32)])
  func theClocksMemorySaysHowManyCPUsThereAre(count: Int, value: UInt32) throws {
    try MainLoop.own {
      let machine = try Self.machine(["-smp", "\(count)"], Witness())
      machine.machine.writePort(0x70, size: 1, value: 0x5f)
      #expect(machine.machine.readPort(0x71, size: 1) == value)
    }
  }

  @Test func aDebugConsoleWritesToItsCharacterDevice() throws {
    let path = "\(Checkout.root)/.build/debugcon-\(UInt64.random(in: 0 ... .max)).log"
    defer { _ = unsafe unlink(path) }
    try MainLoop.own {
      let machine = try Self.machine(
        [
          "-chardev", "file,id=log,path=\(path)", "-device",
          "isa-debugcon,chardev=log,iobase=0x402,id=console",
        ], Witness())
      #expect(machine.machine.readPort(0x402, size: 1) == 0xe9)
      for byte in "hello\n".utf8 { machine.machine.writePort(0x402, size: 1, value: UInt32(byte)) }
      #expect(machine.machine.characterDevices.map(\.isFrontEndOpen) == [true])
      #expect(machine.machine.knownDevices.ids == ["console"])
      #expect(machine.machine.knownDevices.characterDevices == ["log"])
    }
    #expect(try LinuxKernel().contents(of: path) == Array("hello\n".utf8))
  }
}

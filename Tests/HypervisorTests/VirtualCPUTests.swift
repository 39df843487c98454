import Glibc
import HostKernel
import Hypervisor
import SystemPackage
import Testing

/// What CPUs do under the real KVM, with tiny guests.
@Suite(.needsKVM, .timeLimit(.minutes(1))) struct VirtualCPUTests {
  /// Runs `body` with a lock of its own held.
  private func locked(_ body: (MachineLock) throws -> Void) rethrows {
    let lock = MachineLock()
    lock.lock()
    defer { lock.unlock() }
    try body(lock)
  }

  // MARK: - Exits

  @Test func portAccessesOfEverySizeReachTheirDevice() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      guest.load(GuestCode.portAccesses, at: 0x1000)
      try guest.startInRealMode(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(7)
      #expect(
        guest.device.log == [
          "w1 +10 12", "w2 +10 3456", "w4 +10 789abcde", "r1 +11", "r2 +11", "r4 +11",
          "w4 +10 44332216",
        ])
    }
  }

  @Test func stringAccessesAreMadeElementByElement() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      guest.load(GuestCode.stringAccesses, at: 0x1000)
      guest.load((1...19).map { UInt8($0) }, at: 0x3000)
      try guest.startInRealMode(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(18)
      let outputs = (1...5).map { "w1 +10 \($0)" } + ["w2 +10 706", "w2 +10 908", "w2 +10 b0a"]
      let words = ["w4 +10 f0e0d0c", "w4 +10 13121110"]
      let inputs = [String](repeating: "r2 +11", count: 4) + ["r4 +11", "r4 +11"]
      let log = guest.device.log
      #expect(Array(log.prefix(16)) == outputs + words + inputs)
      // Each read gives one more than the one before: 13 accesses came before the last of the words.
      #expect(Array(log.suffix(2)) == ["w2 +10 221e", "w4 +10 44332220"])
    }
  }

  @Test func memoryAccessesOfEverySizeReachTheirDevice() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      guest.load(GuestCode.memoryAccesses, at: 0x1000)
      try guest.start32(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(1)
      #expect(
        guest.memoryDevice.log == [
          "w1 +0 12", "w2 +2 3456", "w4 +4 789abcde", "r1 +10", "r2 +12", "r4 +14",
          // Three bytes before the end of the page; the fourth is nobody's.
          "w2 +ffd 3344", "w1 +fff 22", "w4 +20 44332216",
        ])
    }
  }

  @Test func longModeStartsAndAccessesEightBytes() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      guest.load(GuestCode.wideAccesses, at: 0x1000)
      func store(_ value: UInt64, at address: UInt64) {
        guest.memory.write(address, size: 8, value: value)
      }
      // Two pages of 2 MiB: the first, and that of the device.
      store(0x5003, at: 0x4000)
      store(0x6003, at: 0x5000)
      store(0x7003, at: 0x5018)
      store(0x83, at: 0x6000)
      store(0xd000_0083, at: 0x7000 + 8 * 0x80)
      store(0x00af_9b00_0000_ffff, at: 0x510)
      store(0x00cf_9300_0000_ffff, at: 0x518)
      guest.cpus.setStartState(
        .long64(entry: 0x1000, pageTable: 0x4000, gdt: .init(base: 0x500, limit: 0x1f)))
      try guest.cpus.reset()
      guest.cpus.resume()
      guest.waitForAccesses(1)
      #expect(
        guest.memoryDevice.log
          == ["w8 +0 1122334455667788", "r8 +8", "w8 +10 8877665544332212"])
    }
  }

  @Test func aTripleFaultIsToldAndTheCPUWaitsForAReset() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      guest.load(GuestCode.tripleFault, at: 0x1000)
      guest.load(GuestCode.twoWrites, at: 0x2000)
      try guest.start32(at: 0x1000)
      guest.cpus.resume()
      lock.wait { guest.observer.events.isEmpty }
      guest.cpus.pause()
      guest.cpus.resume()
      guest.cpus.pause()
      #expect(guest.observer.events == ["triple fault of 0"])
      try guest.startInRealMode(at: 0x2000)
      guest.cpus.resume()
      guest.waitForAccesses(2)
      #expect(guest.device.log == ["w1 +10 1", "w1 +10 2"])
      #expect(guest.observer.events.count == 1)
    }
  }

  @Test func whatKVMCannotEmulateIsToldWithItsNumber() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      // Code where no memory is: nothing to fetch from.
      try guest.start32(at: 0xe000_0000)
      guest.cpus.resume()
      lock.wait { guest.observer.events.isEmpty }
      let event = try #require(guest.observer.events.first)
      #expect(event.hasPrefix("failure of 0: KVM internal error. Suberror: 1"))
    }
  }

  // MARK: - Several CPUs and interrupts

  @Test(arguments: [InterruptControllerPlace.kernel, .split])
  func anotherCPUWaitsForItsStart(place: InterruptControllerPlace) throws {
    try locked { lock in
      let guest = try TinyGuest(cpus: 2, lock: lock, interruptController: place)
      guest.load(GuestCode.startOfSecondCPU, at: 0x1000)
      guest.load(GuestCode.secondCPU, at: 0x2000)
      for _ in 0..<3 {
        try guest.start32(at: 0x1000)
        let before = guest.device.log.count
        guest.cpus.resume()
        guest.waitForAccesses(before + 2)
        guest.cpus.pause()
        #expect(Set(guest.device.log.suffix(2)) == ["w1 +10 a1", "w1 +10 b0"])
      }
    }
  }

  @Test(arguments: [InterruptControllerPlace.kernel, .split])
  func aLineInterruptsTheGuestAsOftenAsItRises(place: InterruptControllerPlace) throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock, interruptController: place)
      guest.load(GuestCode.interruptSetUp, at: 0x1000)
      guest.load(GuestCode.interruptHandler, at: 0x1100)
      try guest.startInRealMode(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(1)
      for count in 2...4 {
        guest.accelerator.setLine(gsi: 4, level: true)
        guest.accelerator.setLine(gsi: 4, level: false)
        guest.waitForAccesses(count)
      }
      #expect(guest.device.log == ["w1 +10 1", "w1 +10 24", "w1 +10 24", "w1 +10 24"])
      // A reset takes what the guest told the controller back.
      try guest.startInRealMode(at: 0x1000)
      guest.waitForAccesses(5)
      guest.cpus.pause()
      #expect(guest.device.log.last == "w1 +10 1")
    }
  }

  @Test func inSplitModeTheTimerTicksOnTheMainLoop() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock, interruptController: .split)
      // Line 0 instead of line 4.
      var code = GuestCode.interruptSetUp
      for (index, byte) in code.enumerated() {
        if byte == 0xef { code[index] = 0xfe }
        if byte == 0x90 { code[index] = 0x80 }
        if byte == 0x92 { code[index] = 0x82 }
      }
      guest.load(code, at: 0x1000)
      guest.load(GuestCode.interruptHandler, at: 0x1100)
      try guest.startInRealMode(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(1)
      #expect(guest.events.timerCount == 0)
      // Mode 2, every millisecond.
      for (port, value) in [(0x43, 0x34), (0x40, 0xa9), (0x40, 4)] as [(UInt64, UInt64)] {
        guest.ports.write(port, size: 1, value: value)
      }
      while guest.device.log.count < 5 {
        guest.events.advance(milliseconds: 1)
        lock.unlock()
        sched_yield()
        lock.lock()
      }
      #expect(guest.device.log.suffix(4) == ["w1 +10 24", "w1 +10 24", "w1 +10 24", "w1 +10 24"])
      guest.cpus.stop()
      #expect(guest.events.timerCount == 0)
    }
  }

  @Test func inSplitModeTheEndOfALevelInterruptIsResampled() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock, interruptController: .split)
      let kernel = LinuxKernel()
      let trigger = try EventDescriptor(on: kernel)
      let resample = try EventDescriptor(on: kernel)
      try guest.accelerator.assignResampleIRQFD(
        trigger: trigger.rawValue, resample: resample.rawValue, gsi: 20)
      guest.load(GuestCode.levelInterrupt, at: 0x1000)
      try guest.start32(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(1)
      // Unmasking asks the holder of the line, too.
      #expect(EventDescriptor.drain(resample.rawValue))
      for count in 2...4 {
        trigger.signal()
        guest.waitForAccesses(count)
        // The end may be told after the write that comes next.
        lock.unlock()
        var request = pollfd(fd: resample.rawValue, events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&request, 1, 20_000) == 1)
        lock.lock()
        #expect(EventDescriptor.drain(resample.rawValue))
      }
      #expect(guest.observer.events.isEmpty)
      try guest.accelerator.deassignResampleIRQFD(trigger: trigger.rawValue, gsi: 20)
    }
  }

  @Test(arguments: 0..<2)
  func eachCPUSeesItsOwnNumberAndWhatFirmwareWouldLeave(bit: Int) throws {
    try locked { lock in
      let guest = try TinyGuest(cpus: 1 + bit, lock: lock)
      guest.load(GuestCode.registers, at: 0x1000)
      try guest.startInRealMode(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(2)
      #expect(guest.device.log.first == "w4 +10 806")
      let word = try #require(guest.device.log.last?.split(separator: " ").last)
      let ebx = try #require(UInt32(word, radix: 16))
      #expect(ebx >> 24 == 0 && ebx >> 16 & 0xff == (bit == 0 ? 0 : 2))
    }
  }

  // MARK: - Run state

  @Test func pauseStopsAGuestUnderLoadBetweenTwoInstructions() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      guest.load(GuestCode.counting, at: 0x1000)
      guest.device.isCounting = true
      try guest.startInRealMode(at: 0x1000)
      for _ in 0..<100 {
        let before = guest.device.count
        guest.cpus.resume()
        lock.wait { guest.device.count < before + 256 }
        guest.cpus.pause()
        let value = guest.device.lastValue
        #expect(value == UInt64(guest.device.count))
        // The write that was made is whole: the program counter is behind it.
        let state = try guest.cpus.state(of: 0)
        let isNext = state.rip == 0x1008 && state.general.rax == value + 1
        #expect(isNext || [0x100a, 0x1006].contains(state.rip) && state.general.rax == value)
      }
      let count = guest.device.count
      lock.unlock()
      sched_yield()
      lock.lock()
      #expect(guest.device.count == count)
    }
  }

  @Test func pauseReachesAGuestThatNeverLeavesByItself() throws {
    try locked { lock in
      let guest = try TinyGuest(cpus: 2, lock: lock)
      guest.load(GuestCode.spinning, at: 0x1000)
      try guest.startInRealMode(at: 0x1000)
      for _ in 0..<50 {
        guest.cpus.resume()
        lock.unlock()
        sched_yield()
        lock.lock()
        guest.cpus.pause()
        #expect(!guest.cpus.isRunning)
        #expect(try guest.cpus.state(of: 0).rip == 0x1000)
      }
      #expect(guest.observer.events.isEmpty)
    }
  }

  @Test func theCPUThatAsksForAPauseExecutesNothingMore() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      guest.load(GuestCode.twoWrites, at: 0x1000)
      let cpus = guest.cpus!
      guest.device.onWrite = { [unowned cpus] value in
        #expect(cpus.isOnCPUThread)
        // On a CPU's thread it does not wait for itself.
        if value == 1 { cpus.pause() }
      }
      try guest.startInRealMode(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(1)
      guest.cpus.pause()
      #expect(!guest.cpus.isOnCPUThread)
      #expect(guest.device.log == ["w1 +10 1"])
      #expect(try guest.cpus.state(of: 0).rip == 0x1006)
      guest.cpus.resume()
      guest.waitForAccesses(2)
      guest.device.onWrite = nil
    }
  }

  @Test func aResetOfARunningGuestStartsItAnew() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      guest.load(GuestCode.counting, at: 0x1000)
      guest.device.isCounting = true
      try guest.startInRealMode(at: 0x1000)
      guest.cpus.resume()
      for _ in 0..<20 {
        let before = guest.device.count
        lock.wait { guest.device.count < before + 256 }
        try guest.cpus.reset()
        #expect(guest.cpus.isRunning)
        let after = guest.device.count
        lock.wait { guest.device.count <= after }
        #expect(guest.device.lastValue <= UInt64(guest.device.count - after))
      }
      guest.cpus.pause()
    }
  }

  @Test func registersReadBackAsTheyWereSet() throws {
    try locked { lock in
      let guest = try TinyGuest(cpus: 2, lock: lock)
      var state = CPUState.protected32(entry: 0x1234)
      state.general.rax = 0x2bad_b002
      state.general.r15 = 15
      state.gdt = .init(base: 0x800, limit: 0x27)
      guest.cpus.setStartState(state)
      try guest.cpus.reset()
      #expect(try guest.cpus.state(of: 0) == state)
      #expect(throws: Errno.invalidArgument) { try guest.cpus.state(of: 2) }
      guest.cpus.resume()
      #expect(throws: Errno.resourceBusy) { try guest.cpus.state(of: 0) }
      guest.cpus.pause()
      guest.cpus.setStartState(nil)
      try guest.cpus.reset()
      let atReset = try guest.cpus.state(of: 0)
      #expect(atReset.cs.base == 0xffff_0000 && atReset.rip == 0xfff0)
      #expect(atReset.general.rdx != 0 && atReset.general.rax == 0)
    }
  }

  @Test func modelSpecificRegistersGoBackAtAReset() throws {
    try locked { lock in
      let guest = try TinyGuest(lock: lock)
      // mov ecx,0x277; xor edx,edx; xor eax,eax; wrmsr; mov dx,0x510; out dx,al; then as above
      let clearPAT: [UInt8] = [
        0x66, 0xb9, 0x77, 0x02, 0x00, 0x00, 0x66, 0x31, 0xd2, 0x66, 0x31, 0xc0, 0x0f, 0x30,
      ]
      // mov ecx,0x277; rdmsr; mov dx,0x510; out dx,eax
      let readPAT: [UInt8] = [
        0x66, 0xb9, 0x77, 0x02, 0x00, 0x00, 0x0f, 0x32, 0xba, 0x10, 0x05, 0x66, 0xef,
      ]
      guest.load(readPAT + clearPAT + readPAT + [0xf4, 0xeb, 0xfd], at: 0x1000)
      for round in 0..<2 {
        try guest.startInRealMode(at: 0x1000)
        guest.cpus.resume()
        guest.waitForAccesses(2 * round + 2)
        guest.cpus.pause()
      }
      #expect(
        guest.device.log == ["w4 +10 70406", "w4 +10 0", "w4 +10 70406", "w4 +10 0"])
    }
  }
}

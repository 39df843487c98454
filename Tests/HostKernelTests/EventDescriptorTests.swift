import Glibc
import HostKernel
import SystemPackage
import Testing

@Suite struct EventDescriptorTests {
  private let kernel = LinuxKernel()

  @Test func aNewEventIsQuiet() throws {
    let event = try EventDescriptor(on: kernel)
    #expect([event.drain(), event.drain()] == [false, false])
  }

  @Test func signalsAreTakenTogetherByOneDrain() throws {
    let event = try EventDescriptor(on: kernel)
    for _ in 0..<3 { event.signal() }
    #expect([event.drain(), event.drain()] == [true, false])
    event.signal()
    #expect([event.drain()] == [true])
  }

  @Test func anEventKnownByNumberIsTheSame() throws {
    let event = try EventDescriptor(on: kernel)
    EventDescriptor.signal(event.rawValue)
    #expect([event.drain()] == [true])
    event.signal()
    #expect(EventDescriptor.drain(event.rawValue))
    #expect([event.drain()] == [false])
  }

  @Test func aSignalAtTheFullCountNeitherBlocksNorLosesTheEvent() throws {
    let event = try EventDescriptor(on: kernel)
    var most = UInt64.max - 1
    #expect(unsafe write(event.rawValue, &most, 8) == 8)
    event.signal()
    #expect([event.drain(), event.drain()] == [true, false])
  }

  @Test func itIsNonblockingAndClosedOnExec() throws {
    let event = try EventDescriptor(on: kernel)
    #expect(fcntl(event.rawValue, F_GETFL) & O_NONBLOCK != 0)
    #expect(fcntl(event.rawValue, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test func aDrainOfNoEventIsFalse() {
    #expect(!EventDescriptor.drain(-1))
    EventDescriptor.signal(-1)
  }

  @Test func signalsFromSeveralThreadsAllCount() async throws {
    let event = try EventDescriptor(on: kernel)
    let number = event.rawValue
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { for _ in 0..<1000 { EventDescriptor.signal(number) } }
      }
    }
    var count: UInt64 = 0
    #expect(unsafe read(number, &count, 8) == 8)
    #expect(count == 4000)
  }
}

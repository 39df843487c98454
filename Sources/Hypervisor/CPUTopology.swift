/// How many CPUs a machine has and how they sit in cores and sockets (`-smp`).
package struct CPUTopology: Equatable, Sendable {
  package let sockets: Int
  package let cores: Int
  package let threads: Int
  /// CPUs present at start, at most `sockets * cores * threads`.
  package let count: Int

  /// The most CPUs that a machine may have.
  package static let maximumCount = 16

  /// One socket of `count` cores, as QEMU makes of a plain `-smp`.
  package init(count: Int) { self.init(count: count, sockets: 1, cores: count, threads: 1) }

  /// Takes each number into 1...16, and a number of CPUs that fits.
  package init(count: Int, sockets: Int, cores: Int, threads: Int) {
    func limited(_ number: Int) -> Int { min(max(number, 1), Self.maximumCount) }
    self.sockets = limited(sockets)
    self.cores = limited(cores)
    self.threads = limited(threads)
    self.count = min(limited(count), self.sockets * self.cores * self.threads)
  }

  /// CPUs in a socket.
  package var countPerSocket: Int { cores * threads }

  /// Bits of an APIC id that number the threads of a core.
  package var threadWidth: Int { Self.width(threads) }

  /// Bits of an APIC id below those that number the socket.
  package var socketShift: Int { threadWidth + Self.width(cores) }

  /// The APIC id of a CPU, for the MADT and for `KVM_CREATE_VCPU`: socket, core and thread side by side.
  package func apicID(of cpu: Int) -> UInt32 {
    let thread = cpu % threads
    let core = cpu / threads % cores
    let socket = cpu / countPerSocket
    return UInt32(socket << socketShift | core << threadWidth | thread)
  }

  /// Bits that it takes to number `count` things.
  private static func width(_ count: Int) -> Int {
    count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
  }
}

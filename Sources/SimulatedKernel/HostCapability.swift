package import PCI

/// A capability with its place in config space, its registers and what a write does to them.
package struct HostCapability: Sendable, Equatable {
  /// The number of a capability, in one of the two lists.
  package enum Identifier: Sendable, Equatable {
    case standard(CapabilityID)
    case extended(ExtendedCapabilityID)

    /// The number as the header has it, 8 or 16 bits.
    var number: UInt64 {
      switch self {
      case .standard(let identifier): UInt64(identifier.rawValue)
      case .extended(let identifier): UInt64(identifier.rawValue)
      }
    }

    fileprivate var headerSize: Int {
      switch self {
      case .standard: 2
      case .extended: 4
      }
    }
  }

  package var identifier: Identifier
  /// Where the header is.
  package var offset: Int
  /// The version in an extended header, 1 to 15; 0 for a standard one.
  package var version: UInt8
  /// Where an extended header leads instead of to the next capability of its list; 0 ends the chain.
  package var next: UInt16?
  /// The registers after the header, from `offset + headerSize` on.
  package private(set) var body: [UInt8]
  private var writable: [UInt8]
  private var clearedByOne: [UInt8]

  /// A standard capability whose registers are all zero and read-only.
  package init(_ identifier: CapabilityID, at offset: Int, length: Int) {
    self.init(.standard(identifier), at: offset, version: 0, length: length)
  }

  /// An extended capability whose registers are all zero and read-only.
  package init(_ identifier: ExtendedCapabilityID, at offset: Int, version: UInt8, length: Int) {
    self.init(.extended(identifier), at: offset, version: version, length: length)
  }

  private init(_ identifier: Identifier, at offset: Int, version: UInt8, length: Int) {
    self.identifier = identifier
    self.offset = offset
    self.version = version
    body = Array(repeating: 0, count: max(0, length - identifier.headerSize))
    writable = body
    clearedByOne = body
  }

  /// Bytes of identifier and next pointer: 2, or 4 for an extended one.
  package var headerSize: Int { identifier.headerSize }

  /// Bytes from the header on.
  package var length: Int { headerSize + body.count }

  /// Sets a register by its distance from the header, with the bits that a write changes.
  package mutating func set(
    _ register: Int, _ value: UInt64, width: Int, writable mask: UInt64 = 0,
    clearedByOne oneToClear: UInt64 = 0
  ) {
    for index in 0..<width where body.indices.contains(register + index - headerSize) {
      let position = register + index - headerSize
      let shift = 8 * UInt64(index)
      body[position] = UInt8(truncatingIfNeeded: value >> shift)
      writable[position] = UInt8(truncatingIfNeeded: mask >> shift)
      clearedByOne[position] = UInt8(truncatingIfNeeded: oneToClear >> shift)
    }
  }

  /// Replaces registers by the given bytes, keeping what a write does to them.
  package mutating func overlay(_ bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() where body.indices.contains(index) {
      body[index] = byte
    }
  }

  /// Puts the registers, without the header, into a config space.
  package func place(in config: inout HostConfigSpace) {
    for index in body.indices {
      let position = offset + headerSize + index
      config.set(UInt64(body[index]), at: position, width: 1)
      config.allow(
        writing: UInt64(writable[index]), clearing: UInt64(clearedByOne[index]), at: position,
        width: 1)
    }
  }
}

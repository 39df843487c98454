/// Finds room for one more extended capability in a host's config space and links it into the chain
/// that a guest sees.
///
/// Pure. No byte of the host's capabilities is covered, those that a guest does not see included: their
/// registers stay readable. Every capability of the guest's chain stays in it, in its order.
package struct ExtendedCapabilityPlacement: Equatable, Sendable {
  /// Where the capability goes.
  package enum Place: Equatable, Sendable {
    /// The highest free span whose bytes are 0 on the host; 0xff8, where QEMU puts it, comes first for
    /// a length of 8. The start of a chain that has nothing in it, if the bytes there are 0.
    case auto
    /// This offset.
    case at(Int)
  }

  /// Why there is no place.
  package enum Refusal: Error, Equatable, Sendable {
    /// The function has no extended config space.
    case noExtendedSpace
    /// The host's chain is damaged; what is behind the damage is not known.
    case damaged(CapabilityWalk.Problem)
    /// The chain has a header at 0xffc, where no register can follow it.
    case headerAtEnd
    /// The guest finds one already.
    case alreadyPresent(at: Int)
    /// The asked offset is not a multiple of 4, below 0x100, or too near to the end.
    case badOffset(Int)
    /// The asked span holds bytes of a capability.
    case taken(Int, by: ExtendedCapabilityID, at: Int)
    /// No free span is long enough.
    case noRoom
    /// Walking the new chain did not find what it should: the copy and the host's bytes do not belong
    /// together.
    case notLinked

    /// The reason in words.
    package var message: String {
      let hexadecimal = { (number: Int) in "0x" + String(number, radix: 16) }
      switch self {
      case .noExtendedSpace: return "the function has no extended config space"
      case .damaged(.loop(let offset)):
        return "the capability chain comes back to \(hexadecimal(offset))"
      case .damaged(.outside(let offset)), .damaged(.misaligned(let offset)),
        .damaged(.truncated(let offset)):
        return "the capability chain leads to \(hexadecimal(offset)), where no capability can be"
      case .damaged(.allOnes(let offset)):
        return "the capability chain leads to \(hexadecimal(offset)), where nothing answers"
      case .headerAtEnd: return "the capability chain has a header at 0xffc"
      case .alreadyPresent(let offset):
        return "the function has the capability at \(hexadecimal(offset))"
      case .badOffset(let offset):
        return "\(hexadecimal(offset)) is not a multiple of 4 from 0x100 on with room behind it"
      case .taken(let offset, let identifier, let start):
        return "\(hexadecimal(offset)) is taken by capability "
          + "\(hexadecimal(Int(identifier.rawValue))) at \(hexadecimal(start))"
      case .noRoom: return "no free span between the function's capabilities is long enough"
      case .notLinked: return "the capability cannot be linked"
      }
    }
  }

  /// Offset of the header.
  package let offset: Int
  /// The header before it in the chain, unless it is the first, and its own.
  package let edits: [ConfigEdit]

  private static let start = 0x100
  private static let end = 0x1000

  /// Finds a place.
  ///
  /// - Parameters:
  ///   - id: The new capability.
  ///   - length: Its bytes, header included; a multiple of 4, at least 4.
  ///   - image: The copy whose chain the guest sees.
  ///   - host: The host's bytes, before anything in them was changed.
  package init(
    of id: ExtendedCapabilityID, version: UInt8, length: Int, at place: Place,
    in image: ConfigImage, host: [UInt8]
  ) throws(Refusal) {
    guard image.size == Self.end else { throw .noExtendedSpace }
    let walk = CapabilityWalk.extended(in: host)
    if let problem = walk.problem { throw .damaged(problem) }
    if walk.capabilities.contains(where: { $0.offset == Self.end - 4 }) { throw .headerAtEnd }
    let seen = CapabilityWalk.extended(in: image.values)
    if let problem = seen.problem { throw .damaged(problem) }
    if let present = seen.capabilities.first(where: { $0.id == id }) {
      throw .alreadyPresent(at: present.offset)
    }

    let isEmpty = walk.capabilities.isEmpty
    let spans = Self.spans(of: walk, in: host)
    switch place {
    case .at(let asked):
      guard asked & 3 == 0, asked >= Self.start, asked <= Self.end - length else {
        throw .badOffset(asked)
      }
      if let owner = spans.first(where: { $0.bytes.overlaps(asked..<asked + length) }) {
        throw .taken(asked, by: owner.id, at: owner.bytes.lowerBound)
      }
      offset = asked
    case .auto where isEmpty && Self.isFree(Self.start..<Self.start + length, in: host):
      offset = Self.start
    case .auto:
      guard let free = Self.highestFree(length, between: spans, in: host) else { throw .noRoom }
      offset = free
    }

    // The guest's chain always begins at 0x100; one without anything gets a header of id 0 there.
    let before = seen.capabilities.filter { [offset] in $0.offset < offset }
      .max { $0.offset < $1.offset }
    let previous = before?.offset ?? Self.start
    let next = UInt32(before?.next ?? 0)
    let header = ConfigEdit(
      offset: offset, value: next << 20 | UInt32(version & 0xf) << 16 | UInt32(id.rawValue),
      mask: .max)
    let link = ConfigEdit(
      offset: previous, value: UInt32(offset) << 20, mask: isEmpty ? .max : 0xfff0_0000)
    edits = offset == Self.start ? [header] : [link, header]
    try checkLink(of: id, in: image, behind: seen)
  }

  /// The bytes that each capability holds: what its kind says, or all up to the next one when its kind
  /// does not say.
  private static func spans(
    of walk: CapabilityWalk.Extended, in host: [UInt8]
  ) -> [(id: ExtendedCapabilityID, bytes: Range<Int>)] {
    walk.capabilities.map { capability in
      let length = ExtendedCapabilityBody.length(of: capability, in: host) ?? capability.length
      return (capability.id, capability.offset..<min(capability.offset + max(length, 4), end))
    }
  }

  private static func highestFree(
    _ length: Int, between spans: [(id: ExtendedCapabilityID, bytes: Range<Int>)], in host: [UInt8]
  ) -> Int? {
    var isTaken = [Bool](repeating: false, count: end / 4)
    // The first header is there in any case.
    isTaken[start / 4] = true
    for span in spans {
      for index in span.bytes.lowerBound / 4..<(span.bytes.upperBound + 3) / 4 {
        isTaken[index] = true
      }
    }
    let count = max(1, length / 4)
    var run = 0
    for index in (start / 4..<end / 4).reversed() {
      run = !isTaken[index] && isFree(4 * index..<4 * index + 4, in: host) ? run + 1 : 0
      if run == count { return 4 * index }
    }
    return nil
  }

  /// Whether the host has nothing but zeros there.
  private static func isFree(_ bytes: Range<Int>, in host: [UInt8]) -> Bool {
    bytes.allSatisfy { $0 >= host.count || host[$0] == 0 }
  }

  /// Walks the new chain: all that was there is there, in its order, and the new one once.
  private func checkLink(
    of id: ExtendedCapabilityID, in image: ConfigImage, behind seen: CapabilityWalk.Extended
  ) throws(Refusal) {
    var linked = image
    linked.apply(edits)
    let walk = CapabilityWalk.extended(in: linked.values)
    let others = walk.capabilities.filter { $0.offset != offset }
    let known = seen.capabilities.isEmpty ? others.count <= 1 : true
    guard walk.problem == nil, known,
      walk.capabilities.filter({ $0.id == id }).map(\.offset) == [offset],
      seen.capabilities.isEmpty
        || others.map(\.offset) == seen.capabilities.map(\.offset)
          && others.map(\.id) == seen.capabilities.map(\.id)
          && others.map(\.version) == seen.capabilities.map(\.version)
    else { throw .notLinked }
  }
}

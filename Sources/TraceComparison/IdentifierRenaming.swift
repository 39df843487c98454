/// Which identifier of B stands for which of A, one to one within each kind. Where the pairs of aligned lines
/// contradict each other the pair seen most often counts, and of equally frequent ones the first.
package struct IdentifierRenaming: Sendable {
  private typealias Identifier = TraceLog.Identifier

  /// One identifier of A and the one of B that stands for it.
  package struct Pair: Sendable, Hashable {
    package let kind: IdentifierKind
    package let a: UInt32
    package let b: UInt32
  }

  private struct Count {
    var lines: Int
    let order: Int
  }

  private var fromA: [TraceLog.Identifier: UInt32] = [:]
  private var fromB: [TraceLog.Identifier: UInt32] = [:]
  /// The pairs, by kind and by first appearance.
  package private(set) var pairs: [Pair] = []
  /// Whether some pair of aligned lines contradicts the renaming.
  private(set) var isViolated = false

  /// Finds the renaming that the aligned lines of `a` and `b` imply.
  init(_ a: TraceLog, _ b: TraceLog, partners: Aligner.Partners) {
    var counts: [Pair: Count] = [:]
    if !a.identifiers.isEmpty, !b.identifiers.isEmpty {
      for (index, partner) in partners.enumerated() where partner >= 0 {
        for (left, right) in zip(a.identifiers(of: index), b.identifiers(of: Int(partner))) {
          let pair = Pair(kind: left.kind, a: left.value, b: right.value)
          let order = counts.count
          counts[pair, default: Count(lines: 0, order: order)].lines += 1
        }
      }
    }
    let ranked = counts.sorted {
      ($0.key.kind == .object ? 1 : 0, -$0.value.lines, $0.value.order)
        < ($1.key.kind == .object ? 1 : 0, -$1.value.lines, $1.value.order)
    }
    for (pair, _) in ranked { adopt(pair) }
    pairs.sort {
      ($0.kind.rawValue, counts[$0]?.order ?? 0) < ($1.kind.rawValue, counts[$1]?.order ?? 0)
    }
    isViolated = !counts.keys.allSatisfy(holds)
  }

  /// Takes `pair` into the renaming unless one of its identifiers already stands for another.
  private mutating func adopt(_ pair: Pair) {
    for kind in Self.kinds(of: pair.kind) {
      if fromA[Identifier(kind: kind, value: pair.a)] != nil { return }
      if fromB[Identifier(kind: kind, value: pair.b)] != nil { return }
    }
    fromA[Identifier(kind: pair.kind, value: pair.a)] = pair.b
    fromB[Identifier(kind: pair.kind, value: pair.b)] = pair.a
    pairs.append(pair)
  }

  /// Whether the identifiers of `pair` stand for each other.
  private func holds(_ pair: Pair) -> Bool {
    Self.kinds(of: pair.kind).contains {
      fromA[Identifier(kind: $0, value: pair.a)] == pair.b
    }
  }

  /// The kinds that an identifier of kind `kind` may be known by.
  private static func kinds(of kind: IdentifierKind) -> [IdentifierKind] {
    kind == .object ? IdentifierKind.objectKinds + [.object] : [kind]
  }

  /// What `identifier` of A, or of B, is compared by once the renaming is known: its name in A. An identifier
  /// of B that stands for none of A is like no other.
  func canonical(_ identifier: TraceLog.Identifier, of side: Side) -> TraceLog.Identifier {
    for kind in Self.kinds(of: identifier.kind) {
      let candidate = Identifier(kind: kind, value: identifier.value)
      switch side {
      case .a: if fromA[candidate] != nil { return candidate }
      case .b: if let a = fromB[candidate] { return Identifier(kind: kind, value: a) }
      }
    }
    return Identifier(kind: side == .a ? identifier.kind : .pointer, value: identifier.value)
  }

  /// The identifiers of two aligned lines that contradict the renaming, with what each stands for elsewhere.
  func contradictions(
    _ a: ArraySlice<TraceLog.Identifier>, _ b: ArraySlice<TraceLog.Identifier>
  ) -> [Contradiction] {
    zip(a, b).compactMap { left, right in
      let pair = Pair(kind: left.kind, a: left.value, b: right.value)
      guard !holds(pair) else { return nil }
      return Contradiction(
        pair: pair, partnerOfA: partner(of: left, in: fromA),
        partnerOfB: partner(of: right, in: fromB))
    }
  }

  private func partner(
    of identifier: TraceLog.Identifier, in map: [TraceLog.Identifier: UInt32]
  ) -> UInt32? {
    Self.kinds(of: identifier.kind).lazy
      .compactMap { map[Identifier(kind: $0, value: identifier.value)] }.first
  }

  /// Two identifiers that do not stand for each other.
  package struct Contradiction: Sendable, Equatable {
    package let pair: Pair
    /// What the identifier of A is in B elsewhere; nil when nowhere.
    package let partnerOfA: UInt32?
    /// What the identifier of B is in A elsewhere; nil when nowhere.
    package let partnerOfB: UInt32?
  }
}

internal import CGLib

/// What a descriptor watch waits for, and what it reports.
package struct IOCondition: OptionSet, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// There is something to read, or the end of the stream (`POLLIN`).
  package static let readable = IOCondition(rawValue: 1 << 0)

  /// A write would not block (`POLLOUT`).
  package static let writable = IOCondition(rawValue: 1 << 1)

  /// The peer is gone (`POLLHUP`). Reported whether or not it was asked for.
  package static let hangUp = IOCondition(rawValue: 1 << 2)

  /// The descriptor failed or is not open (`POLLERR`, `POLLNVAL`). Reported whether or not it was
  /// asked for.
  package static let error = IOCondition(rawValue: 1 << 3)
}

extension IOCondition {
  private static let byGLibName: [(IOCondition, GIOCondition)] = [
    (.readable, G_IO_IN), (.writable, G_IO_OUT), (.hangUp, G_IO_HUP), (.error, G_IO_ERR),
    (.error, G_IO_NVAL),
  ]

  /// The same set as GLib reports it.
  init(_ condition: GIOCondition) {
    self.init()
    for (member, bit) in Self.byGLibName where condition.rawValue & bit.rawValue != 0 {
      insert(member)
    }
  }

  /// The same set as GLib takes it.
  var glib: GIOCondition {
    var bits: UInt32 = 0
    for (member, bit) in Self.byGLibName where contains(member) { bits |= bit.rawValue }
    return GIOCondition(bits)
  }
}

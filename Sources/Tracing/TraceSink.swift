internal import HostKernel

/// Where trace lines go. Called with the tracer's lock held, one whole line at a time.
package protocol TraceSink: AnyObject, Sendable {
  /// Takes a line with its newline.
  func write(line: Span<UInt8>)
}

/// Keeps the newest lines in memory, for tests and for a look back after a failure.
package final class RingSink: TraceSink {
  private let state: Locked<Ring>

  private struct Ring {
    var lines: [String] = []
    var start = 0
    let capacity: Int
  }

  /// Keeps at most `capacity` lines, at least one.
  package init(capacity: Int = 65536) {
    state = Locked(Ring(capacity: max(1, capacity)))
  }

  package func write(line: Span<UInt8>) {
    let text = unsafe line.withUnsafeBytes { bytes in
      unsafe String(decoding: bytes.dropLast(), as: UTF8.self)
    }
    state.withLock { ring in
      if ring.lines.count < ring.capacity {
        ring.lines.append(text)
      } else {
        ring.lines[ring.start] = text
        ring.start = (ring.start + 1) % ring.capacity
      }
    }
  }

  /// The lines kept, oldest first, without newlines.
  package var lines: [String] {
    state.withLock { ring in Array(ring.lines[ring.start...] + ring.lines[..<ring.start]) }
  }

  /// Forgets all lines.
  package func removeAll() {
    state.withLock { ring in
      ring.lines.removeAll()
      ring.start = 0
    }
  }
}

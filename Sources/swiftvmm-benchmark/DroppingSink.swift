internal import Tracing

/// Drops every line, so that an enabled point is measured without a system call.
final class DroppingSink: TraceSink {
  func write(line: Span<UInt8>) {}
}

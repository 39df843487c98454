internal import CGLib

/// A watch, timer or signal handler of the main loop; it ends when this value does.
///
/// Ending it inside its own handler is fine. The handler, and what it captured, is released then.
@safe package struct EventSource: ~Copyable {
  private let pointer: UnsafeMutablePointer<GSource>

  /// Takes over `source`, gives it a handler, and attaches it to the main loop.
  ///
  /// `callback` is the C function of the kind of source; it gets `handler` boxed as its user data.
  @VMMain init<Handler: Sendable>(
    _ source: UnsafeMutablePointer<GSource>, callback: GSourceFunc, handler: Handler
  ) {
    unsafe pointer = source
    // GLib owns the box from here: it releases it when the source is destroyed.
    let box = unsafe Unmanaged.passRetained(Box(handler)).toOpaque()
    unsafe g_source_set_callback(source, callback, box) { box in
      guard let box = unsafe box else { return }
      unsafe Unmanaged<AnyObject>.fromOpaque(box).release()
    }
    unsafe VMMain.executor.context.attach(source)
  }

  deinit {
    unsafe g_source_destroy(pointer)
    unsafe g_source_unref(pointer)
  }

  /// The handler in a source's user data.
  static func handler<Handler: Sendable>(
    _ type: Handler.Type, in userData: gpointer?
  ) -> Handler? {
    guard let userData = unsafe userData else { return nil }
    return unsafe Unmanaged<Box<Handler>>.fromOpaque(userData).takeUnretainedValue().handler
  }
}

/// Lets GLib own a Swift value.
private final class Box<Handler: Sendable>: Sendable {
  let handler: Handler
  init(_ handler: Handler) { self.handler = handler }
}

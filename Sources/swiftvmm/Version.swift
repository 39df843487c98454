/// What `-version` prints.
enum Version {
  static let text = """
    swiftvmm version 0.1
    Trace lines and passthrough steps follow QEMU 11.1.
    GPL-2.0-or-later

    """
}

internal import Monitor

/// What `-version` prints and QMP's greeting says.
enum Version {
  static let number = "0.1"

  static let text = """
    swiftvmm version \(number)
    Trace lines and passthrough steps follow QEMU 11.1.
    GPL-2.0-or-later

    """

  /// QMP clients look for QEMU's numbers: those of the version whose behaviour is followed.
  static let qmp = QMPVersion(major: 11, minor: 1, micro: 0, package: "swiftvmm \(number)")
}

import Board
import PCI

/// A function that remembers what it was asked, and shares a log of resets.
final class RecordingFunction: PCIFunction {
  final class ResetLog {
    var names: [String] = []
  }

  private let name: String
  private let resets: ResetLog
  private(set) var accesses: [String] = []

  init(_ name: String = "", resets: ResetLog = ResetLog()) {
    self.name = name
    self.resets = resets
  }

  func readConfig(offset: Int, length: Int) -> UInt32 {
    accesses.append("r\(length)@\(String(offset, radix: 16))")
    return 0x8765_4321
  }

  func writeConfig(offset: Int, length: Int, value: UInt32) {
    accesses.append("w\(length)@\(String(offset, radix: 16))=\(String(value, radix: 16))")
  }

  func reset() { resets.names.append(name) }
}

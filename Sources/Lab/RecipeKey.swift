/// The name under which the result of a recipe is cached: a hash of the recipe's files.
///
/// FNV-1a with 64 bits over each file's name, length and content, so that equal recipes meet in one
/// cache folder and an edit of any file leads to a new one. It guards against nobody: a cache entry
/// is only as trustworthy as the folder it is in.
package struct RecipeKey: Hashable, Sendable, CustomStringConvertible {
  private var state: UInt64 = 0xcbf2_9ce4_8422_2325

  /// Hashes files, given as name and content, in the order of their names.
  package init(files: [(name: String, content: [UInt8])]) {
    for file in files.sorted(by: { $0.name < $1.name }) {
      add(Array(file.name.utf8))
      add(file.content)
    }
  }

  /// Sixteen hexadecimal digits.
  package var description: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private mutating func add(_ bytes: [UInt8]) {
    var length = UInt64(bytes.count)
    for _ in 0..<8 {
      add(UInt8(truncatingIfNeeded: length))
      length >>= 8
    }
    for byte in bytes { add(byte) }
  }

  private mutating func add(_ byte: UInt8) {
    state = (state ^ UInt64(byte)) &* 0x100_0000_01b3
  }
}

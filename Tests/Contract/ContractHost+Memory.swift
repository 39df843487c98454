internal import Glibc
internal import SystemPackage

/// Structures in the caller's memory, for calls whose argument is where the kernel cannot reach it.
extension ContractHost {
  /// Writes words of 32 bits into this process's memory, at an address that is a multiple of four.
  func store(_ words: [UInt32], at address: UInt64) throws {
    guard let pointer = unsafe UnsafeMutablePointer<UInt32>(bitPattern: UInt(address)) else {
      throw ContractFailure("no memory at \(address)")
    }
    for (index, word) in words.enumerated() { unsafe pointer[index] = word }
  }

  /// Makes one page of the caller's memory unreadable, readable or writable.
  func protect(_ page: UInt64, isReadable: Bool = true, isWritable: Bool) throws {
    let protection = (isReadable ? PROT_READ : PROT_NONE) | (isWritable ? PROT_WRITE : PROT_NONE)
    let result = unsafe mprotect(
      UnsafeMutableRawPointer(bitPattern: UInt(page)), 4096, protection)
    guard result == 0 else { throw Errno(rawValue: errno) }
  }

  /// The address of words behind which nothing can be read.
  func edge(_ words: [UInt32]) throws -> UInt {
    let pages = try memory(pages: 2)
    let address = pages + 4096 - 4 * UInt64(words.count)
    try store(words, at: address)
    try protect(pages + 4096, isReadable: false, isWritable: false)
    return UInt(address)
  }

  /// The address of words that can be read only.
  func readOnly(_ words: [UInt32]) throws -> UInt {
    let page = try memory(pages: 1)
    try store(words, at: page)
    try protect(page, isWritable: false)
    return UInt(page)
  }
}

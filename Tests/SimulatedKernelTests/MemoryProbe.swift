import Glibc
import SystemPackage

/// Reads 32 bits of this process's memory.
func peekWord(_ address: UInt64) throws(Errno) -> UInt32 {
  guard let pointer = unsafe UnsafePointer<UInt32>(bitPattern: UInt(address)) else {
    throw .badAddress
  }
  return unsafe pointer.pointee
}

/// Writes words into this process's memory.
func pokeWords(_ address: UInt64, _ words: [UInt32]) throws(Errno) {
  guard let pointer = unsafe UnsafeMutablePointer<UInt32>(bitPattern: UInt(address)) else {
    throw .badAddress
  }
  for (index, word) in words.enumerated() { unsafe pointer[index] = word }
}

/// The descriptors that this process has open.
func openDescriptors() -> Set<Int32> {
  Set((0..<4096).filter { fcntl($0, F_GETFD) >= 0 })
}

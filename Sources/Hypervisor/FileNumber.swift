internal import SystemPackage

/// Calls `body` with the user address of a descriptor number, as `KVM_SET_DEVICE_ATTR` wants it for
/// `KVM_DEV_VFIO_FILE`. The address is good during the call only.
@unsafe func withFileNumber<Value>(
  _ descriptor: Int32, _ body: (UInt64) throws(Errno) -> Value
) throws(Errno) -> Value {
  try unsafe withUnsafePointer(to: descriptor) { (pointer) throws(Errno) in
    try body(UInt64(UInt(bitPattern: pointer)))
  }
}

/// What a function writes to send a message-signalled interrupt.
package struct MSIMessage: Hashable, Sendable {
  /// The address it writes to; on x86 the CPUs listen from 0xfee00000 to 0xfeefffff.
  package var address: UInt64
  /// The vector and how it is delivered.
  package var data: UInt32

  package init(address: UInt64, data: UInt32) {
    self.address = address
    self.data = data
  }
}

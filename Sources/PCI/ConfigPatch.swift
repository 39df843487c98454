/// What changes to a copy of config space have covered, so that they can be taken back.
package struct ConfigPatch: Sendable {
  /// One byte as it was.
  struct Byte: Sendable {
    let offset: Int
    let value: UInt8
    let emulated: UInt8
    let writable: UInt8
    let clearOnWrite: UInt8
  }

  private let bytes: [Byte]

  /// Remembers every byte that the changes touch; those outside the copy are left out.
  package init(covering edits: [ConfigEdit], in image: ConfigImage) {
    let offsets = Set(edits.flatMap { $0.offset..<$0.offset + 4 })
    bytes = offsets.filter(image.values.indices.contains).map { offset in
      Byte(
        offset: offset, value: image.values[offset], emulated: image.emulated[offset],
        writable: image.writable[offset], clearOnWrite: image.clearOnWrite[offset])
    }
  }

  /// Puts the bytes back with whose they are and what a guest may do to them.
  package func restore(_ image: inout ConfigImage) { for byte in bytes { image.restore(byte) } }
}

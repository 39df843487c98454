/// A named run of bits in a hardware register.
package struct RegisterField: Hashable, Sendable {
  /// The field's name in the hardware's specification.
  package let name: String
  /// The lowest bit.
  package let shift: Int
  /// How many bits, 1 to 32.
  package let width: Int

  init(_ name: String, _ shift: Int, _ width: Int = 1) {
    self.name = name
    self.shift = shift
    self.width = width
  }

  /// The field's bits in a register.
  func value(in register: UInt64) -> Int {
    Int(truncatingIfNeeded: register >> UInt64(shift) & ((1 << UInt64(width)) - 1))
  }

  /// A register that has the field and nothing else; bits that do not fit are left out.
  func register(_ value: Int) -> UInt64 {
    (UInt64(truncatingIfNeeded: value) & ((1 << UInt64(width)) - 1)) << UInt64(shift)
  }
}

/// A hardware register whose fields can be listed for a report.
package protocol FieldRegister: Equatable, Sendable {
  /// Every field that is decoded, lowest bit first.
  static var fields: [RegisterField] { get }

  /// The register, zero-extended.
  var bits: UInt64 { get }
}

extension FieldRegister {
  /// A field's value.
  func value(_ field: RegisterField) -> Int { field.value(in: bits) }

  /// Whether any bit of a field is set.
  func isSet(_ field: RegisterField) -> Bool { field.value(in: bits) != 0 }

  /// Every field with its value, lowest bit first.
  package var fieldValues: [(name: String, value: Int)] {
    Self.fields.map { (name: $0.name, value: value($0)) }
  }
}

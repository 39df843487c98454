package import PCI
internal import VirtualIOMMU

/// Why a function shows its guest no PASID capability although its vIOMMU offers PASIDs.
package struct PASIDCapabilityRefusal: Error, Equatable, Sendable {
  /// What stands in the way.
  package enum Reason: Equatable, Sendable {
    /// No place in config space.
    case placement(ExtendedCapabilityPlacement.Refusal)
    /// The guest finds no PCI Express capability, and so looks for no extended ones.
    case notExpress
    /// PCI has no such width.
    case width(Int)
  }

  /// The function.
  package let device: String
  /// Where it should have gone.
  package let place: ExtendedCapabilityPlacement.Place
  package let reason: Reason
  /// An offset that `x-vpasid-cap-offset` could be given, if there is one.
  package let freeOffset: Int?

  /// QEMU 11.1's words.
  package var message: String {
    let offset =
      switch place {
      case .auto: "auto"
      case .at(let offset): Self.hexadecimal(offset)
      }
    return "vfio: Placing PASID capability at offset \(offset) failed"
  }

  /// Why, to be read after "none".
  package var cause: String {
    switch reason {
    case .placement(let refusal): refusal.message
    case .notExpress: "the guest finds no PCI Express capability in the function"
    case .width(let width): "no function has PASIDs of \(width) bits"
    }
  }

  /// Whose, why, and what would work.
  package var hint: String {
    let advice = freeOffset.map {
      ": x-vpasid-cap-offset=auto would put it at \(Self.hexadecimal($0))"
    }
    let sentence = FunctionPASID.Reason.noPlace(cause).sentence(about: device)
    return "\(sentence)\(advice ?? "")."
  }

  private static func hexadecimal(_ number: Int) -> String { "0x" + String(number, radix: 16) }
}

/// `-cpu`: a model by name, and features that are added to it or taken away.
package struct ProcessorModel: Sendable, Equatable {
  /// One feature that is switched.
  package struct Feature: Sendable, Equatable {
    package var name: String
    package var isOn: Bool

    package init(name: String, isOn: Bool) {
      self.name = name
      self.isOn = isOn
    }
  }

  /// The option as written, the prefix of every message about it.
  package let optionText: String
  /// `host`, `max` or `qemu64`.
  package let name: String
  /// The features in the order in which they take effect; those of `-f` and `f=off` come last.
  package let features: [Feature]

  package init(optionText: String, name: String, features: [Feature] = []) {
    self.optionText = optionText
    self.name = name
    self.features = features
  }

  /// The models there are, with a line for `-cpu help`.
  static let models = [
    Catalogue.Item(name: "host", summary: "processor with all supported host features"),
    Catalogue.Item(name: "max", summary: "Enables all features supported by the accelerator"),
    Catalogue.Item(name: "qemu64", summary: "QEMU Virtual CPU version 2.5+"),
  ]

  /// Reads `MODEL[,+F][,-F][,F=on|off]`.
  static func read(
    _ value: String, option: String
  ) throws(CommandLineError) -> ProcessorModel {
    let words = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard let name = words.first, models.contains(where: { $0.name == name }) else {
      throw CommandLineError(option: option, reason: .unknownProcessorModel(words.first ?? ""))
    }
    var on: [Feature] = []
    var off: [Feature] = []
    for word in words.dropFirst() {
      switch word.first {
      case "+": on.append(Feature(name: String(word.dropFirst()), isOn: true))
      case "-": off.append(Feature(name: String(word.dropFirst()), isOn: false))
      default:
        let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let setting = pair.count == 1 ? "on" : pair[1]
        guard setting == "on" || setting == "off", !pair[0].isEmpty else {
          throw CommandLineError(option: option, reason: .malformedProcessorFeature(word))
        }
        on.append(Feature(name: String(pair[0]), isOn: setting == "on"))
      }
    }
    return ProcessorModel(optionText: option, name: name, features: on + off)
  }
}

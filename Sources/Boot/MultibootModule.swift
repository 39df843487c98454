/// One of the modules that `-initrd` names for a multiboot kernel.
struct MultibootModule: Equatable {
  /// The path and the arguments after it, as the kernel gets them.
  let text: String
  /// The text up to its first space.
  let path: String

  init(text: Substring) {
    let text = text.drop { $0 == " " }
    self.text = String(text)
    path = String(text.prefix { $0 != " " })
  }

  /// The modules of a list with commas between them, where two commas stand for one.
  static func list(_ text: String?) -> [MultibootModule] {
    guard let text else { return [] }
    var modules: [MultibootModule] = []
    var current = ""
    var rest = text[...]
    while let character = rest.popFirst() {
      if character != "," {
        current.append(character)
      } else if rest.first == "," {
        current.append(",")
        rest.removeFirst()
      } else {
        modules.append(MultibootModule(text: current[...]))
        current = ""
      }
    }
    return modules + [MultibootModule(text: current[...])]
  }
}

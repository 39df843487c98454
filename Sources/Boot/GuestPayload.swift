/// What the user wants started: `-kernel`, `-initrd` and `-append`.
package struct GuestPayload: Equatable, Sendable {
  /// Path of the kernel.
  package var kernel: String
  /// Path of the initial RAM disk. For a multiboot kernel: modules after commas, each a path and,
  /// after a space, its arguments; two commas stand for one in a path.
  package var initrd: String?
  package var commandLine: String

  package init(kernel: String, initrd: String? = nil, commandLine: String = "") {
    self.kernel = kernel
    self.initrd = initrd
    self.commandLine = commandLine
  }
}

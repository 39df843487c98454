import CommandLine
import TestSupport
import Testing

@Suite struct RandomCommandLineTests {
  private static let words = [
    "-device", "--device", "-object", "-machine", "-M", "-accel", "-m", "-name", "-S", "-nographic",
    "-qmp", "-qtest", "-trace", "-d", "-D", "-msg", "-simulate", "-vfio-flow", "-pidfile",
    "-serial",
    "-display", "-h", "-version", "-", "--", "---", "-cpu", "-foo", "disk.img", "",
  ]

  private static let parts = [
    "vfio-pci", "iommufd", "host=", "0000:81:00.0", "id=", "i0", ",", ",,", "=", "x-no-mmap", "no",
    "addr=", "4.1", "rombar=", "-1", "0x", "99999999999999999999", "unix:", "/p", "server", "wait",
    "on", "off", "events=/events", "file=", "enable=", "trace:", "*", "?", "help", "q35", "accel=",
    "kvm", "qtest", "irqfd=", "auto", "64", "1.5G", "E", "size=", "none", "stdio", "{", "\n",
    "\u{7}",
    "é", "😀", "iommufd=", "vf-token=", "qemu-11.1", "%d",
  ]

  private static func randomLine(_ generator: inout SeededGenerator) -> [String] {
    (0..<Int.random(in: 0...6, using: &generator)).flatMap { _ -> [String] in
      let word = words.randomElement(using: &generator) ?? ""
      let value = (0..<Int.random(in: 0...7, using: &generator)).map { _ -> String in
        if Int.random(in: 0..<8, using: &generator) == 0 {
          let bytes = (0..<5).map { _ in UInt8.random(in: 0...255, using: &generator) }
          return String(decoding: bytes, as: UTF8.self)
        }
        return parts.randomElement(using: &generator) ?? ""
      }.joined()
      return Bool.random(using: &generator) ? [word, value] : [word]
    }
  }

  @Test(arguments: 0..<16 as Range<UInt64>)
  func everyLineIsARequestOrOneMessage(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<1500 {
      let line = Self.randomLine(&generator)
      do throws(CommandLineError) {
        let request = try parse(line)
        if case .run(let configuration) = request { Self.checkLinks(configuration) }
      } catch {
        let message = error.message(program: "swiftvmm")
        #expect(message.hasPrefix("swiftvmm:"), "\(line)")
        #expect(!message.utf8.contains { $0 < 0x20 || $0 == 0x7f }, "\(line)")
        #expect(error.text(program: "swiftvmm").hasSuffix("\n"), "\(line)")
      }
    }
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func damagedLinesAreARequestOrOneMessage(seed: UInt64) {
    let good = [
      "-object", "iommufd,id=iommufd0,fd=3", "-device",
      "vfio-pci,host=0000:81:00.0,iommufd=iommufd0,addr=04.0,x-no-mmap=on", "-m", "1.5G", "-qmp",
      "unix:/tmp/qmp,server=on,wait=off", "-trace", "vfio*,events=/events",
    ]
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<1500 {
      var line = good
      let index = Int.random(in: line.indices, using: &generator)
      var bytes = Array(line[index].utf8)
      let at = Int.random(in: bytes.indices, using: &generator)
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: bytes.remove(at: at)
      case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
      default: bytes[at] = UInt8.random(in: 0...255, using: &generator)
      }
      line[index] = String(decoding: bytes, as: UTF8.self)
      if let text = complaint(line) {
        #expect(text.hasPrefix("swiftvmm:"), "\(line)")
        #expect(text.split(separator: "\n").count <= 3, "\(line)")
      }
    }
  }

  @Test func longLinesAreReadInLinearTime() throws {
    let name = String(repeating: "a,,", count: 200_000)
    #expect(try configuration("-name", name).name?.utf8.count == 400_000)
    let bools = String(repeating: ",x-no-mmap=on", count: 20_000)
    #expect(try configuration("-device", "vfio-pci,host=1:2.3" + bools).devices.count == 1)
  }

  private static func checkLinks(_ configuration: Configuration) {
    let ids = configuration.iommufds.map(\.id)
    #expect(Set(ids).count == ids.count)
    #expect(configuration.functions.allSatisfy { $0.properties.iommufd.map(ids.contains) ?? true })
    #expect(!configuration.accelerators.isEmpty)
    #expect(configuration.memorySize > 0)
    #expect(configuration.memorySize.isMultiple(of: 8192))
  }
}

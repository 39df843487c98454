import HostKernel
import Testing

@testable import Tracing

@Suite struct TraceSinkTests {
  private func write(_ numbers: some Sequence<Int>, to sink: any TraceSink) {
    for number in numbers {
      let line = Array("line \(number)\n".utf8)
      sink.write(line: line.span)
    }
  }

  @Test(arguments: [(0, 1), (1, 1), (1, 3), (3, 1), (3, 2), (3, 3), (3, 4), (3, 11)])
  func aRingKeepsTheNewestLinesOldestFirst(_ capacity: Int, _ count: Int) {
    let sink = RingSink(capacity: capacity)
    write(0..<count, to: sink)
    let kept = min(count, max(1, capacity))
    #expect(sink.lines == (count - kept..<count).map { "line \($0)" })
  }

  @Test func anEmptiedRingStartsAnew() {
    let sink = RingSink(capacity: 3)
    write(0..<5, to: sink)
    sink.removeAll()
    #expect(sink.lines.isEmpty)
    write(7..<12, to: sink)
    #expect(sink.lines == ["line 9", "line 10", "line 11"])
  }

  @Test func aFileIsEmptiedThenWrittenLineByLine() throws {
    let kernel = LinuxKernel()
    let file = HostDescriptor(
      taking: try MemoryCalls.makeMemoryDescriptor(name: "log", size: 4096), of: kernel)
    let path = "/proc/self/fd/\(file.rawValue)"
    let sink = try DescriptorSink(creating: path)
    #expect(try kernel.contents(of: path).isEmpty)
    write(1...2, to: sink)
    #expect(String(decoding: try kernel.contents(of: path), as: UTF8.self) == "line 1\nline 2\n")
  }

  @Test func aFileThatCannotBeMadeIsReported() {
    let error = #expect(throws: (any Error).self) {
      _ = try DescriptorSink(creating: "/proc/self/no such folder/log")
    }
    #expect("\(String(describing: error))".contains("No such file or directory"))
  }
}

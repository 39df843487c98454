import Glibc
import HostKernel
import TestSupport
import Testing

@testable import Tracing

@Suite struct DescriptorSinkTests {
  /// A pipe of one page. Its reading end never blocks.
  private final class Pipe {
    let reading: Int32
    let writing: Int32
    private(set) var text = ""

    init(blocksWriter: Bool) throws {
      var ends: [Int32] = [-1, -1]
      try #require(unsafe pipe(&ends) == 0)
      (reading, writing) = (ends[0], ends[1])
      for (end, flags) in [(reading, O_NONBLOCK), (writing, blocksWriter ? 0 : O_NONBLOCK)] {
        try #require(fcntl(end, F_SETFL, flags) == 0)
      }
      try #require(fcntl(writing, Pipe.setSize, Int32(4096)) == 4096)
    }

    deinit {
      close(reading)
      close(writing)
    }

    /// `F_SETPIPE_SZ`.
    private static let setSize: Int32 = 1031

    /// Waits until there is something to take.
    func awaitBytes() {
      var request = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&request, 1, -1)
    }

    /// Takes at most `limit` bytes out of the pipe and gives how many came.
    @discardableResult
    func take(_ limit: Int = .max) -> Int {
      var taken = 0
      var buffer = [UInt8](repeating: 0, count: 512)
      while taken < limit {
        let count = unsafe Glibc.read(reading, &buffer, min(buffer.count, limit - taken))
        guard count > 0 else { break }
        text += String(decoding: buffer[..<count], as: UTF8.self)
        taken += count
      }
      return taken
    }
  }

  /// Line `number`, `length` bytes long with its newline.
  private func line(_ number: Int, length: Int = 1000) -> String {
    let start = "line \(number) "
    return start + String(repeating: "x", count: length - start.utf8.count - 1) + "\n"
  }

  private func write(_ text: String, to sink: DescriptorSink) {
    let bytes = Array(text.utf8)
    sink.write(line: bytes.span)
  }

  @Test func aCutLineIsFinishedBeforeTheNext() throws {
    let pipe = try Pipe(blocksWriter: false)
    let sink = DescriptorSink(borrowing: pipe.writing)
    // More than a page is cut at the page: a pipe writes atomically only up to that length.
    write(line(1, length: 5000), to: sink)
    #expect(pipe.take() == 4096)
    write(line(2), to: sink)
    pipe.take()
    #expect(pipe.text == line(1, length: 5000) + line(2))
  }

  @Test func linesThatAFullPipeRefusesAreCountedInTheirPlace() throws {
    let pipe = try Pipe(blocksWriter: false)
    let sink = DescriptorSink(borrowing: pipe.writing)
    for number in 1...7 { write(line(number), to: sink) }
    pipe.take()
    write(line(8), to: sink)
    write(line(9), to: sink)
    pipe.take()
    #expect(
      pipe.text == (1...4).map { line($0) }.joined() + "lines left out: 3\n......\n" + line(8)
        + line(9))
  }

  @Test func linesThatComeBehindACutLineAreLeftOut() throws {
    let pipe = try Pipe(blocksWriter: false)
    let sink = DescriptorSink(borrowing: pipe.writing)
    write(line(1, length: 5000), to: sink)
    write(line(2), to: sink)
    write(line(3), to: sink)
    pipe.take()
    write(line(4), to: sink)
    pipe.take()
    #expect(pipe.text == line(1, length: 5000) + "lines left out: 2\n......\n" + line(4))
  }

  @Test func aSinkThatEndsSettlesItsArrears() throws {
    let pipe = try Pipe(blocksWriter: false)
    do {
      let sink = DescriptorSink(borrowing: pipe.writing)
      write(line(1, length: 5000), to: sink)
      write(line(2), to: sink)
      pipe.take()
    }
    pipe.take()
    #expect(pipe.text == line(1, length: 5000) + "lines left out: 1\n......\n")
  }

  /// Whatever the lengths and however slow the reader, what arrives is whole lines in order, and each
  /// line that does not arrive is in a count at its place.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func aSlowReaderGetsWholeLinesAndCounts(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let pipe = try Pipe(blocksWriter: false)
    var written: [String] = []
    do {
      let sink = DescriptorSink(borrowing: pipe.writing)
      for number in 0..<100 {
        written.append(line(number, length: .random(in: 20...6000, using: &generator)))
        write(written[number], to: sink)
        if Bool.random(using: &generator) {
          pipe.take(.random(in: 1...8000, using: &generator))
        }
      }
      // Room for the rest of a line, so that what is left fits when the sink ends.
      pipe.take()
      written.append(line(100, length: 20))
      write(written[100], to: sink)
      pipe.take()
    }
    pipe.take()

    var next = 0
    var lines = pipe.text.split(separator: "\n")[...]
    let note = "lines left out: "
    while let text = lines.popFirst() {
      if text.hasPrefix(note) {
        next += try #require(Int(text.dropFirst(note.utf8.count)))
        #expect(lines.popFirst() == "......")
      } else {
        try #require(next < written.count)
        #expect(text + "\n" == written[next])
        next += 1
      }
    }
    #expect(next == written.count)
  }

  /// A signal ends a write early, or with EINTR when nothing was taken yet.
  @Test func aSignalDuringAWriteDoesNotCutALine() throws {
    let pipe = try Pipe(blocksWriter: true)
    let text = line(1, length: 200_000)
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in }
    try #require(unsafe sigaction(SIGUSR2, &action, nil) == 0)

    let writer = try WriterThread { [self, descriptor = pipe.writing] in
      write(text, to: DescriptorSink(borrowing: descriptor))
    }
    while pipe.text.utf8.count < text.utf8.count {
      writer.interrupt()
      pipe.awaitBytes()
      pipe.take(3000)
    }
    writer.join()
    #expect(pipe.text == text)
  }

  @Test func aDescriptorThatTakesNothingIsNotWaitedFor() {
    let sink = DescriptorSink(borrowing: -1)
    write(line(1), to: sink)
    write(line(2), to: sink)
  }
}

/// A thread that runs one closure and can be sent a signal meanwhile.
private final class WriterThread {
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private var thread = pthread_t()

  init(_ body: @escaping @Sendable () -> Void) throws {
    let work = unsafe Unmanaged.passRetained(Work(body))
    let result = unsafe pthread_create(
      &thread, nil,
      { work in
        if let work = unsafe work {
          unsafe Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body()
        }
        return nil
      }, unsafe work.toOpaque())
    try #require(result == 0)
  }

  func interrupt() { _ = pthread_kill(thread, SIGUSR2) }
  func join() { _ = pthread_join(thread, nil) }
}

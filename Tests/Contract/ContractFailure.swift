internal import SystemPackage

/// The host answered otherwise than the contract says.
package struct ContractFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String, file: StaticString = #fileID, line: UInt = #line) {
    self.description = "\(description) (\(file):\(line))"
  }
}

/// A case cannot be set up on this host.
package struct ContractSkip: Error, CustomStringConvertible {
  package let description: String

  package init(_ reason: String) { description = reason }

  package init(missing fixture: Fixture) {
    description = "this host lacks \(fixture.rawValue): \(fixture.need)"
  }
}

/// Requires a condition. Throws `ContractFailure`.
func expect(
  _ condition: Bool, _ what: @autoclosure () -> String = "condition does not hold",
  file: StaticString = #fileID, line: UInt = #line
) throws {
  guard condition else { throw ContractFailure(what(), file: file, line: line) }
}

/// Requires two values to be equal. Throws `ContractFailure` that names both.
func expect<Value: Equatable>(
  _ value: Value, equals expected: Value, _ what: @autoclosure () -> String = "",
  file: StaticString = #fileID, line: UInt = #line
) throws {
  guard value == expected else {
    let subject = what()
    let prefix = subject.isEmpty ? "" : "\(subject): "
    throw ContractFailure(
      "\(prefix)got \(value), the contract says \(expected)", file: file, line: line)
  }
}

/// Requires a call to fail with an errno. Throws `ContractFailure`.
func expect(
  _ errno: Errno, _ what: @autoclosure () -> String = "",
  file: StaticString = #fileID, line: UInt = #line, _ body: () throws -> Void
) throws {
  let subject = what()
  let prefix = subject.isEmpty ? "" : "\(subject): "
  let expected = ErrnoName.of(errno)
  do {
    try body()
  } catch let error as Errno {
    guard error != errno else { return }
    throw ContractFailure(
      "\(prefix)failed with \(ErrnoName.of(error)), the contract says \(expected)", file: file,
      line: line)
  }
  throw ContractFailure(
    "\(prefix)succeeded, the contract says \(expected)", file: file, line: line)
}

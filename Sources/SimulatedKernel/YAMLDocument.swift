internal import CYAML

/// A YAML document as libyaml composes it: nodes with their lines, aliases already followed.
struct YAMLDocument {
  /// A node; children are indices into `nodes`.
  struct Node {
    var content: Content
    /// From 1.
    var line: Int
  }

  enum Content {
    case scalar(String)
    case sequence([Int])
    case mapping([(key: Int, value: Int)])
  }

  /// Why the text is not one document; `line` is nil where libyaml knows none.
  struct Failure: Error {
    var line: Int?
    var problem: HostDescriptionError.Problem
  }

  let nodes: [Node]
  /// The node at the top.
  let root: Int

  /// Reads the one document in a text.
  init(parsing text: [UInt8]) throws(Failure) {
    let result: Result<[Node], Failure> = unsafe text.withUnsafeBufferPointer { buffer in
      let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
      defer { unsafe parser.deallocate() }
      guard unsafe yaml_parser_initialize(parser) == 1 else {
        return .failure(Failure(line: nil, problem: .syntax("out of memory")))
      }
      defer { unsafe yaml_parser_delete(parser) }
      unsafe yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
      return unsafe Self.load(parser)
    }
    nodes = try result.get()
    // libyaml puts the root first.
    root = 0
  }

  private static func load(
    _ parser: UnsafeMutablePointer<yaml_parser_t>
  ) -> Result<[Node], Failure> {
    var document = unsafe yaml_document_t()
    guard unsafe yaml_parser_load(parser, &document) == 1 else {
      return .failure(unsafe failure(of: parser))
    }
    let nodes = unsafe convert(&document)
    unsafe yaml_document_delete(&document)
    if nodes.isEmpty { return .failure(Failure(line: nil, problem: .empty)) }

    var second = unsafe yaml_document_t()
    guard unsafe yaml_parser_load(parser, &second) == 1 else {
      return .failure(unsafe failure(of: parser))
    }
    defer { unsafe yaml_document_delete(&second) }
    if let root = unsafe yaml_document_get_root_node(&second) {
      let line = unsafe Int(root.pointee.start_mark.line) + 1
      return .failure(Failure(line: line, problem: .severalDocuments))
    }
    return .success(nodes)
  }

  private static func failure(of parser: UnsafeMutablePointer<yaml_parser_t>) -> Failure {
    let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) }
    let context = unsafe parser.pointee.context.map { unsafe String(cString: $0) }
    let isReader = unsafe parser.pointee.error == YAML_READER_ERROR
    let line = unsafe Int(parser.pointee.problem_mark.line) + 1
    let words = [context, problem].compactMap(\.self).joined(separator: ", ")
    return Failure(
      line: isReader ? nil : line, problem: .syntax(words.isEmpty ? "unknown mistake" : words))
  }

  private static func convert(_ document: UnsafeMutablePointer<yaml_document_t>) -> [Node] {
    var nodes: [Node] = []
    // Node numbers are from 1 without gaps; the first missing one ends the list.
    while let node = unsafe yaml_document_get_node(document, Int32(nodes.count) + 1) {
      let line = unsafe Int(node.pointee.start_mark.line) + 1
      nodes.append(Node(content: unsafe content(of: node), line: line))
    }
    return nodes
  }

  private static func content(of node: UnsafeMutablePointer<yaml_node_t>) -> Content {
    switch unsafe node.pointee.type {
    case YAML_SEQUENCE_NODE:
      let items = unsafe node.pointee.data.sequence.items
      let count = unsafe items.top - items.start
      return .sequence((0..<count).map { unsafe Int(items.start[$0]) - 1 })
    case YAML_MAPPING_NODE:
      let pairs = unsafe node.pointee.data.mapping.pairs
      let count = unsafe pairs.top - pairs.start
      return .mapping(
        (0..<count).map {
          unsafe (key: Int(pairs.start[$0].key) - 1, value: Int(pairs.start[$0].value) - 1)
        })
    default:
      let scalar = unsafe node.pointee.data.scalar
      let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      return .scalar(unsafe String(decoding: bytes, as: UTF8.self))
    }
  }
}

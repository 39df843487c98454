extension CapabilityReport {
  /// The table of `info viommu`, lines with their ends.
  package var text: String {
    var text = "intel-iommu, values \(isFrozen ? "frozen" : "not frozen yet")\n"
    text += Self.table(
      [["property", "requested", "reserved", "effective", "limited by"]]
        + rows.map { row in
          [
            row.property, row.requested, row.reserved ?? "-", row.effective,
            row.reasons.isEmpty
              ? row.limitedBy.joined(separator: ", ")
              : row.reasons.joined(separator: "; "),
          ]
        })
    let sizes = [(12, "4K"), (21, "2M"), (30, "1G")].filter { pageSizes >> $0.0 & 1 != 0 }
    text += "tables: \(tableModes.isEmpty ? "none" : tableModes.joined(separator: ", "))"
    text += "; \(tableLevels) levels; pages \(sizes.map(\.1).joined(separator: " "))\n"
    for note in notes { text += "note: \(note)\n" }
    guard !functions.isEmpty else { return text + "no devices\n" }
    text += "\n"
    text += Self.table(
      [["device", "unit", "IOMMU", "bits", "ATS", "dirty tracking", "PASID"]]
        + functions.map { function in
          [
            function.device, function.unit ?? "-", function.unitType, "\(function.addressWidth)",
            Self.word(function.isATSUsable), Self.word(function.tracksDirtyPages),
            function.pasid.text,
          ]
        })
    for function in functions {
      let limits = rows.flatMap { row in
        row.devices.filter { $0.device == function.device }.map { limit in
          "\(row.property)=\(limit.allowed) (\(limit.reason))"
        }
      }
      if !limits.isEmpty {
        text += "\(function.device) allows \(limits.joined(separator: ", "))\n"
      }
    }
    return text
  }

  private static func word(_ fact: Bool?) -> String {
    fact.map { $0 ? "yes" : "no" } ?? "not told"
  }

  /// Columns as wide as their widest cell, two spaces apart.
  private static func table(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    var text = ""
    for row in rows {
      var line = ""
      for (cell, width) in zip(row, widths) {
        line += cell + String(repeating: " ", count: width - cell.count + 2)
      }
      text += line.reversed().drop { $0 == " " }.reversed() + "\n"
    }
    return text
  }
}

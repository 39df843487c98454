import Lab
import Testing

@Suite struct RecipeTests {
  private func key(_ files: [(String, String)]) -> String {
    RecipeKey(files: files.map { (name: $0.0, content: Array($0.1.utf8)) }).description
  }

  @Test func nothingHashesToTheOffsetBasis() {
    #expect(key([]) == "cbf29ce484222325")
  }

  @Test func theOrderOfFilesDoesNotMatter() {
    #expect(key([("a", "1"), ("b", "2")]) == key([("b", "2"), ("a", "1")]))
  }

  @Test(arguments: [
    [("a", "1"), ("b", "3")], [("a", "1"), ("c", "2")], [("a", "1")], [("a", "1b"), ("", "2")],
    [("a", ""), ("b", "12")], [("a", "1"), ("b", "2"), ("c", "")],
  ])
  func anyOtherFilesHaveAnotherKey(files: [(String, String)]) {
    #expect(key(files) != key([("a", "1"), ("b", "2")]))
  }

  @Test func keysAreSixteenDigits() {
    for number in 0..<200 { #expect(key([("n", "\(number)")]).count == 16) }
  }

  @Test func kernelAndRootHaveFoldersOfTheirOwn() {
    let key = RecipeKey(files: [])
    #expect(Recipe.kernel.folder(in: "/c", key: key) == "/c/kernel-cbf29ce484222325")
    #expect(Recipe.root.folder(in: "/c", key: key) == "/c/root-cbf29ce484222325")
  }

  @Test func aRecipeHashesItsOwnScript() {
    for recipe in Recipe.allCases { #expect(recipe.files.contains(recipe.script)) }
  }

  @Test(arguments: [
    (["XDG_CACHE_HOME": "/x", "HOME": "/h"], "/x/swiftvmm/lab"),
    (["HOME": "/h"], "/h/.cache/swiftvmm/lab"),
    (["XDG_CACHE_HOME": "", "HOME": "/h"], "/h/.cache/swiftvmm/lab"),
    (["XDG_CACHE_HOME": "relative", "HOME": "/h"], "/h/.cache/swiftvmm/lab"),
  ])
  func theCacheIsWhereTheEnvironmentSays(environment: [String: String], folder: String) throws {
    #expect(try Recipe.cacheFolder(environment: environment) == folder)
  }

  @Test(arguments: [[:], ["HOME": ""], ["HOME": "relative"]])
  func withoutAPlaceThereIsNoCache(environment: [String: String]) {
    #expect(throws: LabError.noCacheFolder) { try Recipe.cacheFolder(environment: environment) }
  }
}

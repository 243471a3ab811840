// JSONPath in the dialect that Step Functions reads. The Amazon States Language names Jayway
// (github.com/json-path/JsonPath) for its paths; AWS runs an early version of it over Jackson's
// JsonNode, so where that differs from today's Jayway, AWS's answers decide (path_test.cc names the
// source of each). Parsed once, evaluated often; pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/budget.h"
#include "core/json.h"
#include "core/result.h"

namespace kiban::jsonpath {

constexpr std::size_t steps_max = 256;        // Our own bounds: of one path,
constexpr std::size_t filter_depth_max = 32;  // of brackets nested in a filter,
// and of one evaluation: the nodes that it visits, and the bytes that it copies. A payload of 256
// KiB has at most 131,072 nodes.
constexpr std::size_t evaluation_steps_max = 500'000;
constexpr std::size_t evaluation_bytes_max = 8UL << 20U;

struct Filter;  // The inside of [?( )].

struct Names {  // .a, ['a'], ['a','b']
  std::vector<std::string> names{};
};
struct Indices {  // [0], [-1], [0,2]
  std::vector<std::int64_t> indices{};
};
struct Slice {  // [1:3], [:2], [-2:], [0:9:2]
  std::optional<std::int64_t> from{};
  std::optional<std::int64_t> to{};
  std::int64_t step{1};
};
struct Wildcard {};  // .*, [*]
struct Descend {};   // ..; the next step applies to every node below.
struct Where {       // [?(@.price < 10)]
  std::shared_ptr<const Filter> filter{};
};
using Step = std::variant<Names, Indices, Slice, Wildcard, Descend, Where>;

class Path {
 public:
  Path() = default;  // $
  // Error `InvalidPath`, whose cause gives the position.
  static Result<Path> parse(std::string_view text);

  // At most one result: no wildcard, filter, slice, list of indices or descent. Several names at
  // the end give one object.
  bool definite() const { return definite_; }
  // Single names and indices only: what find() follows.
  bool single() const { return single_; }
  // A path that may be written to (ResultPath): definite, names and single indices only.
  bool reference() const { return reference_; }
  bool root() const { return steps_.empty(); }
  const std::vector<Step>& steps() const { return steps_; }

  // The node of a single() path, not copied; nullptr when there is none, also behind the end of an
  // array.
  const json::value* find(const json::value& root) const;
  // Of a definite path its value, null for an index behind the end of an array; of another an array
  // of all, maybe empty. Error `PathNotFound` with Jayway's words, such as "No results for path:
  // $['a']"; `BudgetExceeded`.
  Result<json::value> select(const json::value& root) const;
  // The same as a part of an evaluation, such as the paths in a filter.
  Result<json::value> select(const json::value& root, Budget& budget) const;
  // Puts `value` where a reference path points, making objects that are missing. Error
  // `PathNotWritable`.
  Result<void> assign(json::value& root, json::value value) const;
  // $['a'][0], as Jayway prints it.
  std::string normalised() const;

 private:
  friend struct Parser;
  Result<json::value> visit(const json::value& root, Budget& budget) const;
  Result<json::value> select_one(const json::value& root, Budget& budget) const;
  std::unexpected<Error> leaf_only(std::size_t step) const;

  std::vector<Step> steps_{};
  bool definite_{true};
  bool reference_{true};
  bool single_{true};  // Single names and indices only.
};

}  // namespace kiban::jsonpath

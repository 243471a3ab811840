// The values that a state may read (Environment), and the expressions that read them: references
// ($.a, $$.b, $name.c), intrinsic functions, and templates (payload templates of either query
// language), all parsed ahead.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/random.h"
#include "core/result.h"
#include "core/time.h"
#include "jsonpath/path.h"

namespace kiban::asl {

enum class Language : std::uint8_t { JsonPath, Jsonata };

class Query;  // A JSONata expression, query_jsonata.h.

class Environment {
 public:
  virtual ~Environment() = default;
  virtual const json::value& input() const = 0;    // $
  virtual const json::value& context() const = 0;  // $$
  virtual const json::value* variable(std::string_view name) const = 0;
  virtual Random& random() const = 0;
  virtual Timestamp now() const { return {}; }
  // Called after each evaluation with the nodes visited; the work of one step of an execution is
  // bounded.
  virtual void add_work(std::uint64_t /*steps*/) const {}
  // Members of JSONata's $states besides `context`; nullptr where it has none.
  virtual const json::value* states_input() const { return &input(); }
  virtual const json::value* states_result() const { return nullptr; }
  virtual const json::value* states_error_output() const { return nullptr; }
};

// An evaluation that failed. Both languages' texts, without the sentence about the state.
struct QueryFailure {
  std::string error{};  // States.Runtime, States.IntrinsicFailure, States.QueryEvaluationError...
  std::string cause{};
  std::string location{};  // JSONata: the field, such as "Output/result".
};
// States.QueryEvaluationError: the JSONata `expression` of the field gave `value`, not an
// `expected`. Recorded by AWS.
QueryFailure unexpected_type(std::string_view expression, std::string_view location,
                             std::string_view expected, const json::value& value);
template <typename T>
using QueryResult = std::expected<T, QueryFailure>;

// Error name of Reference::select for a path from `$` when the input is null, and AWS's words.
// github.com/awslabs/states-language/issues/29: intended, says AWS Support.
constexpr std::string_view null_input = "NullInput";
constexpr std::string_view null_input_text =
    "Unable to apply Path transformation to null or empty input.";

struct Reference {
  enum class Root : std::uint8_t { Input, Context, Variable } root{Root::Input};
  std::string text{"$"};
  std::string variable{};
  jsonpath::Path path{};

  static Result<Reference> parse(std::string_view text);
  // A whole document is not copied where it need not be: `$` alone.
  bool whole_input() const { return root == Root::Input && path.root(); }
  const json::value* base(const Environment& environment) const;
  // nullptr when there is none, or the path is not definite.
  const json::value* find(const Environment& environment) const;
  // Error as jsonpath::Path::select, or `null_input`.
  Result<json::value> select(const Environment& environment) const;
};

struct Expression {  // An intrinsic call, or an argument of one.
  enum class Kind : std::uint8_t { Literal, Path, Call } kind{Kind::Literal};
  json::value literal{};
  Reference reference{};
  std::string function{};  // "States.Format"
  std::vector<Expression> arguments{};
  std::string text{};  // As written; of a quoted string the text between the quotes.

  static Result<Expression> parse(std::string_view text);
  QueryResult<json::value> evaluate(const Environment& environment, std::string_view field) const;
};

QueryResult<json::value> call_intrinsic(const std::string& name,
                                        const std::vector<json::value>& arguments, Random& random);
bool known_intrinsic(std::string_view name);

// Reads "$.a" for a field as AWS words it when nothing is there.
QueryResult<json::value> read_path(const Reference& reference, const Environment& environment,
                                   std::string_view field);

class Template {
 public:
  Template() = default;
  // Error `InvalidDefinition`. `location` is the template's place, such as "Output", for JSONata's
  // messages.
  static Result<Template> compile(const json::value& value, Language language,
                                  std::string_view location);
  bool constant() const { return kind_ == Kind::Literal; }
  const json::value& literal() const { return literal_; }
  // The only thing in it is an expression.
  bool is_query() const { return kind_ == Kind::Query; }
  QueryResult<json::value> evaluate(const Environment& environment) const;
  // A JSONata template's own text between the marks, for error texts.
  const std::string& query_text() const { return location_text_; }
  const std::string& location() const { return location_; }

 private:
  enum class Kind : std::uint8_t { Literal, Object, Array, Expression, Query };
  Kind kind_{Kind::Literal};
  json::value literal_{};
  std::vector<std::pair<std::string, Template>> members_{};
  std::vector<Template> elements_{};
  std::shared_ptr<const Expression> expression_{};
  std::shared_ptr<const Query> query_{};
  std::string field_{};  // "value.$"
  std::string location_{};
  std::string location_text_{};
};

}  // namespace kiban::asl

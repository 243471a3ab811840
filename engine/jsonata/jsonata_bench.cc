// The seven expressions that are compared with jsonata-js, and parsing.
#include <benchmark/benchmark.h>

#include "jsonata/jsonata.h"

namespace {

using namespace kiban;

constexpr std::string_view filter_and_sum = "$sum(items[price > 50].(price * count))";

const json::value& input() {
  static const json::value tree = [] {
    json::array items;
    for (int i = 0; i < 100; ++i) {
      items.push_back(json::object{{"id", i},
                                   {"name", "item " + std::to_string(i)},
                                   {"price", (i * 37) % 101},
                                   {"count", i % 7},
                                   {"tags", json::array{"a", "b"}}});
    }
    return json::object{{"customer", {{"name", "Mika"}, {"address", {{"city", "Tokyo"}}}}},
                        {"items", items}};
  }();
  return tree;
}

void evaluate(benchmark::State& state, std::string_view text) {
  const auto expression = jsonata::parse(text);
  if (!expression) return state.SkipWithError(expression.error().message.c_str());
  for (auto _ : state) {
    auto result = jsonata::evaluate(**expression, &input());
    if (!result) return state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result);
  }
}

void parse(benchmark::State& state, std::string_view text) {
  for (auto _ : state) {
    auto result = jsonata::parse(text);
    benchmark::DoNotOptimize(result);
  }
}

BENCHMARK_CAPTURE(evaluate, path, "customer.address.city");
BENCHMARK_CAPTURE(evaluate, filter_and_sum, filter_and_sum);
BENCHMARK_CAPTURE(evaluate, strings,
                  "$uppercase(customer.name) & '-' & $substring(customer.address.city, 0, 3)");
BENCHMARK_CAPTURE(evaluate, objects, "items.{'id': id, 'total': price * count}");
BENCHMARK_CAPTURE(evaluate, map, "$map(items, function($i) { $i.price * 2 })");
BENCHMARK_CAPTURE(evaluate, sort, "$sort(items, function($a, $b) { $a.price > $b.price })");
BENCHMARK_CAPTURE(evaluate, reduce, "$reduce(items.price, function($a, $b) { $a + $b })");
BENCHMARK_CAPTURE(parse, filter_and_sum, filter_and_sum);

}  // namespace

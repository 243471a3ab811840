#include "runtime/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kiban::runtime {

const Bounds duration_bounds{
    .upper = {100, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000,
              5'000'000, 20'000'000, 60'000'000},
    .scale = 1e-6};
const Bounds size_bounds{
    .upper = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1'024, 2'048, 4'096, 8'192}, .scale = 1};

void Histogram::observe(std::uint64_t value) {
  const auto at = std::ranges::lower_bound(bounds_->upper, value);
  add(buckets_[static_cast<std::size_t>(at - bounds_->upper.begin())]);
  add(sum_, value);
}

void Histogram::observe(std::chrono::steady_clock::duration took) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  observe(static_cast<std::uint64_t>(std::max<std::int64_t>(0, microseconds)));
}

RequestMetrics::RequestMetrics() {
  all_.push_back(std::make_unique<Operation>());
  all_.front()->service = all_.front()->name = "unknown";
  for (const api::Service* service : api::services())
    for (const api::Operation& operation : service->operations) {
      all_.push_back(std::make_unique<Operation>());
      all_.back()->service = service->folder;
      all_.back()->name = operation.name;
      by_model_.emplace(&operation, all_.back().get());
    }
}

void RequestMetrics::record(const api::Operation* operation, unsigned status,
                            std::chrono::steady_clock::time_point began) {
  const auto found = by_model_.find(operation);
  Operation& counted = found == by_model_.end() ? *all_.front() : *found->second;
  add(counted.by_class[std::clamp(status / 100, 2U, 5U) - 2]);
  if (began != std::chrono::steady_clock::time_point{})
    counted.took.observe(std::chrono::steady_clock::now() - began);
}

std::vector<const RequestMetrics::Operation*> RequestMetrics::seen() const {
  std::vector<const Operation*> seen;
  for (const auto& each : all_)
    if (std::ranges::any_of(each->by_class, [](const Count& count) { return count != 0; }))
      seen.push_back(each.get());
  return seen;
}

namespace {

// Division, since 100 * 1e-6 is not the number nearest to 0.0001.
double shown(std::uint64_t value, const Bounds& bounds) {
  return static_cast<double>(value) / std::round(1 / bounds.scale);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '\\' || letter == '"') out += '\\';
    if (letter == '\n')
      out += "\\n";
    else
      out += letter;
  }
  return out;
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void MetricsText::line(std::string_view suffix, const Labels& labels, std::string_view value) {
  text_ += name_;
  text_ += suffix;
  for (std::size_t i = 0; i < labels.size(); ++i)
    text_ +=
        fmt::format("{}{}=\"{}\"", i == 0 ? '{' : ',', labels[i].first, escaped(labels[i].second));
  if (!labels.empty()) text_ += '}';
  text_ += fmt::format(" {}\n", value);
}

void MetricsText::sample(const Labels& labels, double value) {
  line("", labels, fmt::format("{}", value));
}

void MetricsText::sample(const Labels& labels, std::uint64_t value) {
  line("", labels, std::to_string(value));
}

void MetricsText::histogram(const Labels& labels, const Histogram& histogram) {
  const Bounds& bounds = histogram.bounds();
  std::uint64_t count = 0;
  for (std::size_t i = 0; i <= bounds_max; ++i) {
    count += histogram.in_bucket(i);
    Labels with = labels;
    with.emplace_back("le",
                      i == bounds_max ? "+Inf" : fmt::format("{}", shown(bounds.upper[i], bounds)));
    line("_bucket", with, std::to_string(count));
  }
  line("_sum", labels, fmt::format("{}", shown(histogram.sum(), bounds)));
  line("_count", labels, std::to_string(count));
}

}  // namespace kiban::runtime

// What both kernels share: the work of a channel is one thread's, so that sums do not depend on
// how many threads there are.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

// Calls make_work() once on each thread, and what it returns with each number below `channels`.
template <class MakeWork>
void for_each_channel(int64_t channels, MakeWork make_work) {
  std::atomic<int64_t> next{0};
  auto run = [&] {
    auto work = make_work();
    for (int64_t channel = next++; channel < channels; channel = next++) work(channel);
  };
  const int64_t threads = std::min<int64_t>(std::thread::hardware_concurrency(), channels);
  std::vector<std::thread> helpers;
  try {
    while (static_cast<int64_t>(helpers.size()) < threads - 1) helpers.emplace_back(run);
  } catch (const std::system_error&) {
    // A limit on threads: those that started do the work.
  }
  run();
  for (auto& helper : helpers) helper.join();
}

// Depthwise 3x3 convolution with one pixel of padding and stride S = 1 or 2, and its gradients.
//
// A padded plane is split into S x S phases: every S-th row and column. Each of the nine taps
// then reads one phase at a fixed offset with unit stride, and a plane is one long vector loop
// however short its rows are. What that computes between two rows is thrown away.

#include <cstring>

#include "channels.h"

namespace {

constexpr int kSide = 3;
constexpr int kTaps = kSide * kSide;

template <int S>
struct Layout {
  static constexpr int kMargin = (kSide - 1) / S;
  int64_t images, channels, height, width, out_height, out_width;

  int64_t pitch() const { return out_width + kMargin; }
  int64_t phase_size() const { return (out_height + kMargin) * pitch(); }
  int64_t out_length() const { return (out_height - 1) * pitch() + out_width; }
  int64_t in_size() const { return height * width; }
  int64_t out_size() const { return out_height * out_width; }
  // Zeros before a plane of gradients, for the taps that reach back over its start.
  int64_t lead() const { return kMargin * (pitch() + 1); }

  // Where a tap reads for the first output.
  int64_t offset(int tap) const { return (tap / kSide / S) * pitch() + tap % kSide / S; }
  int64_t start(int tap) const {
    return ((tap / kSide % S) * S + tap % kSide % S) * phase_size() + offset(tap);
  }
  // Where a row of the plane begins: in the left phase with padding, in the right one without.
  int64_t line(int64_t row) const {
    return (row + 1) % S * S * phase_size() + (row + 1) / S * pitch();
  }

  void split(const float* plane, float* phases) const {
    for (int64_t r = 0; r < height; ++r, plane += width) {
      float* left = phases + line(r) + 1;
      if (S == 1) {
        std::memcpy(left, plane, width * sizeof(float));
        continue;
      }
      float* right = left - 1 + phase_size();
      for (int64_t c = 0; c < (width + 1) / 2; ++c) right[c] = plane[2 * c];
      for (int64_t c = 0; c < width / 2; ++c) left[c] = plane[2 * c + 1];
    }
  }

  void merge(const float* phases, float* plane) const {
    for (int64_t r = 0; r < height; ++r, plane += width) {
      const float* left = phases + line(r) + 1;
      if (S == 1) {
        std::memcpy(plane, left, width * sizeof(float));
        continue;
      }
      const float* right = left - 1 + phase_size();
      for (int64_t c = 0; c < width / 2; ++c) {
        plane[2 * c] = right[c];
        plane[2 * c + 1] = left[c];
      }
      if (width % 2) plane[width - 1] = right[width / 2];
    }
  }

  void spread_rows(const float* plane, float* spread) const {
    for (int64_t r = 0; r < out_height; ++r)
      std::memcpy(spread + r * pitch(), plane + r * out_width, out_width * sizeof(float));
  }

  void pack_rows(const float* spread, float* plane) const {
    for (int64_t r = 0; r < out_height; ++r)
      std::memcpy(plane + r * out_width, spread + r * pitch(), out_width * sizeof(float));
  }
};

template <int N>
void weighted_sum(const float* const (&taps)[N], const float (&weights)[N], float* __restrict out,
                  int64_t length) {
  for (int64_t i = 0; i < length; ++i) {
    float sum = 0;
#pragma GCC unroll 9
    for (int t = 0; t < N; ++t) sum += weights[t] * taps[t][i];
    out[i] = sum;
  }
}

// Nine scalars, because compilers keep those in registers.
void add_products(const float* const (&taps)[kTaps], const float* factors, double (&sums)[kTaps],
                  int64_t length) {
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0, s8 = 0;
  for (int64_t i = 0; i < length; ++i) {
    const float factor = factors[i];
    s0 += factor * taps[0][i];
    s1 += factor * taps[1][i];
    s2 += factor * taps[2][i];
    s3 += factor * taps[3][i];
    s4 += factor * taps[4][i];
    s5 += factor * taps[5][i];
    s6 += factor * taps[6][i];
    s7 += factor * taps[7][i];
    s8 += factor * taps[8][i];
  }
  const float plane[kTaps] = {s0, s1, s2, s3, s4, s5, s6, s7, s8};
  for (int t = 0; t < kTaps; ++t) sums[t] += plane[t];
}

template <int S>
void forward(const Layout<S>& layout, const float* x, const float* weight, float* y) {
  for_each_channel(layout.channels, [&] {
    return [&, phases = std::vector<float>(S * S * layout.phase_size()),
            spread = std::vector<float>(layout.out_length())](int64_t channel) mutable {
      const float* taps[kTaps];
      float weights[kTaps];
      for (int t = 0; t < kTaps; ++t) {
        taps[t] = phases.data() + layout.start(t);
        weights[t] = weight[channel * kTaps + t];
      }
      for (int64_t n = 0; n < layout.images; ++n) {
        const int64_t plane = n * layout.channels + channel;
        layout.split(x + plane * layout.in_size(), phases.data());
        weighted_sum(taps, weights, spread.data(), layout.out_length());
        layout.pack_rows(spread.data(), y + plane * layout.out_size());
      }
    };
  });
}

// The gradient of the phase at (ROW, COL): each tap that read it gives back what it took.
template <int S, int ROW, int COL>
void phase_gradient(const Layout<S>& layout, const float* dy, const float* weight, float* phases) {
  constexpr int kRows = (kSide - ROW + S - 1) / S, kCols = (kSide - COL + S - 1) / S;
  const float* taps[kRows * kCols];
  float weights[kRows * kCols];
  for (int k = 0; k < kRows * kCols; ++k) {
    const int tap = (ROW + k / kCols * S) * kSide + COL + k % kCols * S;
    taps[k] = dy - layout.offset(tap);
    weights[k] = weight[tap];
  }
  weighted_sum(taps, weights, phases + (ROW * S + COL) * layout.phase_size(), layout.phase_size());
}

template <int S>
void input_gradient(const Layout<S>& layout, const float* dy, const float* weight, float* phases) {
  phase_gradient<S, 0, 0>(layout, dy, weight, phases);
  if constexpr (S == 2) {
    phase_gradient<S, 0, 1>(layout, dy, weight, phases);
    phase_gradient<S, 1, 0>(layout, dy, weight, phases);
    phase_gradient<S, 1, 1>(layout, dy, weight, phases);
  }
}

template <int S>
void backward(const Layout<S>& layout, const float* dy, const float* x, const float* weight,
              float* dx, float* dweight) {
  for_each_channel(layout.channels, [&] {
    return [&, phases = std::vector<float>(S * S * layout.phase_size()),
            gradients = std::vector<float>(S * S * layout.phase_size()),
            padded = std::vector<float>(layout.lead() + layout.phase_size())](
               int64_t channel) mutable {
      float* spread = padded.data() + layout.lead();
      const float* taps[kTaps];
      for (int t = 0; t < kTaps; ++t) taps[t] = phases.data() + layout.start(t);
      double sums[kTaps] = {};
      for (int64_t n = 0; n < layout.images; ++n) {
        const int64_t plane = n * layout.channels + channel;
        layout.spread_rows(dy + plane * layout.out_size(), spread);
        layout.split(x + plane * layout.in_size(), phases.data());
        add_products(taps, spread, sums, layout.out_length());
        input_gradient(layout, spread, weight + channel * kTaps, gradients.data());
        layout.merge(gradients.data(), dx + plane * layout.in_size());
      }
      std::copy(sums, sums + kTaps, dweight + channel * kTaps);
    };
  });
}

template <int S>
Layout<S> layout_of(const int64_t* in, const int64_t* out) {
  return {in[0], in[1], in[2], in[3], out[2], out[3]};
}

// With one pixel of padding only stride 1 keeps the size; where both do, they are the same.
bool is_strided(const int64_t* in, const int64_t* out) {
  return in[2] != out[2] || in[3] != out[3];
}

}  // namespace

// MindSpore's interface for Custom operators: inputs first, then outputs, all float32.

// x (N, C, H, W), weight (C, 1, 3, 3) -> y
extern "C" int depthwise(int, void** params, int*, int64_t** shapes, const char**, void*, void*) {
  auto p = reinterpret_cast<float**>(params);
  if (is_strided(shapes[0], shapes[2]))
    forward(layout_of<2>(shapes[0], shapes[2]), p[0], p[1], p[2]);
  else
    forward(layout_of<1>(shapes[0], shapes[2]), p[0], p[1], p[2]);
  return 0;
}

// dy, x, weight -> dx, dweight
extern "C" int depthwise_backward(int, void** params, int*, int64_t** shapes, const char**, void*,
                                  void*) {
  auto p = reinterpret_cast<float**>(params);
  if (is_strided(shapes[1], shapes[0]))
    backward(layout_of<2>(shapes[1], shapes[0]), p[0], p[1], p[2], p[3], p[4]);
  else
    backward(layout_of<1>(shapes[1], shapes[0]), p[0], p[1], p[2], p[3], p[4]);
  return 0;
}

/* The inner loops of packed masks and of linking, compiled.

   Each function does what the NumPy code beside its call does, to the bit; that code stays, for
   machines without a compiler and as what the tests compare with.  Arrays come as buffers; what
   calls these functions has made them contiguous and of the types that are named here. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define BITS 64
#define SIDE 64

#if defined(__GNUC__) || defined(__clang__)
#define count_bits(x) __builtin_popcountll(x)
#define lowest_bit(x) __builtin_ctzll(x)
#define highest_bit(x) (63 - __builtin_clzll(x))
/* The plain build of x86 has no instruction that counts bits; most processors have. */
#if defined(__x86_64__) && !defined(__POPCNT__) && defined(__GLIBC__)
#define FAST __attribute__((target_clones("popcnt", "default")))
#endif
#else
static int count_bits(uint64_t x)
{
    x -= (x >> 1) & 0x5555555555555555ULL;
    x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0FULL;
    return (int)((x * 0x0101010101010101ULL) >> 56);
}
static int lowest_bit(uint64_t x) { return count_bits((x & (0 - x)) - 1); }
static int highest_bit(uint64_t x)
{
    for (int shift = 1; shift < BITS; shift *= 2) x |= x >> shift;
    return count_bits(x) - 1;
}
#endif
#ifndef FAST
#define FAST
#endif

/* What arguments held, to be given back before a function ends. */
static void release(Py_buffer *buffers, int count)
{
    for (int k = 0; k < count; k++) PyBuffer_Release(buffers + k);
}

/* ---- pixels to words ------------------------------------------------------------------------ */

/* 64 bytes as bits, those that are not 0 set. */
static inline uint64_t bits_of(const uint8_t *pixels)
{
#if defined(__SSE2__)
    const __m128i zero = _mm_setzero_si128();
    uint64_t empty = 0;
    for (int k = 0; k < 4; k++) {
        __m128i some = _mm_loadu_si128((const __m128i *)(pixels + 16 * k));
        empty |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(some, zero)) << (16 * k);
    }
    return ~empty;
#else
    uint64_t result = 0;
    for (int k = 0; k < BITS; k++) result |= (uint64_t)(pixels[k] != 0) << k;
    return result;
#endif
}

static Py_ssize_t pack_bytes(const uint8_t *pixels, Py_ssize_t count, int32_t first,
                             int32_t *position, uint64_t *word)
{
    Py_ssize_t used = 0, whole = count / BITS;
    for (Py_ssize_t k = 0; k < whole; k++) {
        uint64_t bits = bits_of(pixels + BITS * k);
        position[used] = first + (int32_t)k;
        word[used] = bits;
        used += bits != 0;  /* no branch: what is empty is written over by the next */
    }
    if (count % BITS) {
        uint8_t last[BITS] = {0};
        memcpy(last, pixels + BITS * whole, count % BITS);
        uint64_t bits = bits_of(last);
        if (bits) {
            position[used] = first + (int32_t)whole;
            word[used++] = bits;
        }
    }
    return used;
}

PyDoc_STRVAR(pack_doc,
"pack(pixels, first, used, position, word) -> used\n\n"
"Append the words of ``pixels``, bytes of which those that are not 0 are foreground, that are not\n"
"empty to ``position`` int32 and ``word`` uint64, of which ``used`` are taken; there has to be room\n"
"for all, and one more.  ``first`` is the number of the first word.");
static PyObject *pack(PyObject *self, PyObject *args)
{
    Py_buffer pixels, to[2];
    int first;
    Py_ssize_t used;
    if (!PyArg_ParseTuple(args, "y*inw*w*", &pixels, &first, &used, to, to + 1)) return NULL;
    Py_ssize_t needed = used + pixels.len / BITS + 1;
    int fits = used >= 0 && needed <= to[0].len / 4 && needed <= to[1].len / 8;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        used += pack_bytes(pixels.buf, pixels.len, first, (int32_t *)to[0].buf + used,
                           (uint64_t *)to[1].buf + used);
        Py_END_ALLOW_THREADS
    }
    release(&pixels, 1);
    release(to, 2);
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "no room for the words");
        return NULL;
    }
    return PyLong_FromSsize_t(used);
}

/* ---- the order of words --------------------------------------------------------------------- */

/* Counting sort by position, stable; 0, or -1 where there is no memory. */
static int sort_by_position(Py_ssize_t count, Py_ssize_t words, const int32_t *position,
                            const int32_t *mask, const uint64_t *word, int32_t *to_position,
                            int32_t *to_mask, uint64_t *to_word)
{
    Py_ssize_t *place = calloc(words + 1, sizeof(Py_ssize_t));
    if (!place) return -1;
    for (Py_ssize_t k = 0; k < count; k++) place[position[k] + 1]++;
    for (Py_ssize_t k = 0; k < words; k++) place[k + 1] += place[k];
    for (Py_ssize_t k = 0; k < count; k++) {
        Py_ssize_t to = place[position[k]]++;
        to_position[to] = position[k];
        to_mask[to] = mask[k];
        to_word[to] = word[k];
    }
    free(place);
    return 0;
}

PyDoc_STRVAR(sort_doc,
"sort(words, position, mask, word, to_position, to_mask, to_word)\n\n"
"Sort words by position, those of one position as they come; arrays as in PackedMasks, each\n"
"position below ``words``.");
static PyObject *sort(PyObject *self, PyObject *args)
{
    Py_buffer from[3], to[3];
    Py_ssize_t words;
    if (!PyArg_ParseTuple(args, "ny*y*y*w*w*w*", &words, from, from + 1, from + 2, to, to + 1,
                          to + 2))
        return NULL;
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = sort_by_position(from[0].len / 4, words, from[0].buf, from[1].buf, from[2].buf,
                              to[0].buf, to[1].buf, to[2].buf);
    Py_END_ALLOW_THREADS
    release(from, 3);
    release(to, 3);
    if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* ---- shared pixels -------------------------------------------------------------------------- */

FAST
static void count_shared(Py_ssize_t n, const int32_t *position, const int32_t *mask,
                         const uint64_t *word, Py_ssize_t m, const int32_t *other_position,
                         const int32_t *other_mask, const uint64_t *other_word, Py_ssize_t columns,
                         int64_t *table)
{
    Py_ssize_t j = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        while (j < m && other_position[j] < position[i]) j++;
        int64_t *row = table + mask[i] * columns;
        for (Py_ssize_t k = j; k < m && other_position[k] == position[i]; k++)
            row[other_mask[k]] += count_bits(word[i] & other_word[k]);
    }
}

FAST
static void count_shared_within(Py_ssize_t n, const int32_t *position, const int32_t *mask,
                                const uint64_t *word, Py_ssize_t masks, int64_t *table)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        int64_t *row = table + mask[i] * masks;
        row[mask[i]] += count_bits(word[i]);
        for (Py_ssize_t k = i + 1; k < n && position[k] == position[i]; k++) {
            int shared = count_bits(word[i] & word[k]);
            row[mask[k]] += shared;
            table[mask[k] * masks + mask[i]] += shared;
        }
    }
}

PyDoc_STRVAR(shared_doc,
"shared(position, mask, word, other_position, other_mask, other_word, columns, table)\n\n"
"Add the pixels that each mask of a frame shares with each of ``columns`` of another to ``table``\n"
"int64; arrays as in PackedMasks.");
static PyObject *shared(PyObject *self, PyObject *args)
{
    Py_buffer a[3], b[3], table;
    Py_ssize_t columns;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*nw*", a, a + 1, a + 2, b, b + 1, b + 2, &columns,
                          &table))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    count_shared(a[0].len / 4, a[0].buf, a[1].buf, a[2].buf, b[0].len / 4, b[0].buf, b[1].buf,
                 b[2].buf, columns, table.buf);
    Py_END_ALLOW_THREADS
    release(a, 3);
    release(b, 3);
    release(&table, 1);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(within_doc,
"within(position, mask, word, masks, table)\n\n"
"Add the pixels that the ``masks`` masks of a frame share to ``table`` int64, symmetric.");
static PyObject *within(PyObject *self, PyObject *args)
{
    Py_buffer a[3], table;
    Py_ssize_t masks;
    if (!PyArg_ParseTuple(args, "y*y*y*nw*", a, a + 1, a + 2, &masks, &table)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    count_shared_within(a[0].len / 4, a[0].buf, a[1].buf, a[2].buf, masks, table.buf);
    Py_END_ALLOW_THREADS
    release(a, 3);
    release(&table, 1);
    Py_RETURN_NONE;
}

/* ---- run lengths to words ------------------------------------------------------------------- */

typedef struct {
    Py_ssize_t used, room;
    int32_t *position, *mask;
    uint64_t *word;
} Words;

static void give_up(Words *w)
{
    free(w->position);
    free(w->mask);
    free(w->word);
}

static int make_room(Words *w, Py_ssize_t more)
{
    if (w->used + more <= w->room) return 0;
    Py_ssize_t room = 2 * w->room + more + 1024;
    void *position = realloc(w->position, room * sizeof(int32_t));
    if (position) w->position = position;
    void *mask = realloc(w->mask, room * sizeof(int32_t));
    if (mask) w->mask = mask;
    void *word = realloc(w->word, room * sizeof(uint64_t));
    if (word) w->word = word;
    if (!position || !mask || !word) return -1;
    w->room = room;
    return 0;
}

/* Append pixels begin <= p < end of a mask whose words begin at w->used == first. */
static int add_run(Words *w, Py_ssize_t first, int32_t mask, int64_t begin, int64_t end)
{
    int64_t at = begin / BITS, last = (end - 1) / BITS;
    if (make_room(w, last - at + 1)) return -1;
    uint64_t head = ~0ULL << (begin % BITS), tail = ~0ULL >> (BITS - 1 - (end - 1) % BITS);
    for (; at <= last; at++) {
        uint64_t bits = head & (at == last ? tail : ~0ULL);
        head = ~0ULL;
        /* Runs of a mask rise: a short one may share a word with the one before. */
        if (w->used > first && w->position[w->used - 1] == at) {
            w->word[w->used - 1] |= bits;
            continue;
        }
        w->position[w->used] = (int32_t)at;
        w->mask[w->used] = mask;
        w->word[w->used++] = bits;
    }
    return 0;
}

enum { DONE, DAMAGED, NO_MEMORY };

/* One mask of COCO's text form (maskApi.c, rleFrString); at most ``most`` words in all. */
static int read_text(Words *w, int32_t mask, const uint8_t *text, Py_ssize_t length, int64_t pixels,
                     Py_ssize_t most)
{
    int64_t run[3] = {0, 0, 0}, at = 0;
    Py_ssize_t first = w->used, number = 0, k = 0;
    while (k < length) {
        int64_t value = 0;
        int digit = 0, more = 1;
        while (more) {
            if (k == length || digit > 6) return DAMAGED;
            int code = text[k++] - 48;
            if (code < 0 || code > 63) return DAMAGED;
            value |= (int64_t)(code & 0x1F) << (5 * digit++);
            more = code & 0x20;
            if (!more && code & 0x10) value -= (int64_t)1 << (5 * digit);
        }
        if (number > 2) value += run[(number - 2) % 3];
        if (value < 0 || value > pixels - at) return DAMAGED;
        run[number % 3] = value;
        if (number % 2 && value) {
            if (w->used + value / BITS + 2 > most) return DAMAGED;
            if (add_run(w, first, mask, at, at + value)) return NO_MEMORY;
        }
        at += value;
        number++;
    }
    return number && at == pixels ? DONE : DAMAGED;
}

PyDoc_STRVAR(unpack_texts_doc,
"unpack_texts(text, ends, pixels, most) -> (position, mask, word) or None\n\n"
"Words of masks from COCO's compressed run lengths, sorted by position, as bytes of int32, int32\n"
"and uint64.  ``text`` holds all masks' one behind the other, ``ends`` int64 tells where each ends.\n"
"None where a text is damaged, or there are more than ``most`` words: the caller finds out what to\n"
"say.");
static PyObject *unpack_texts(PyObject *self, PyObject *args)
{
    Py_buffer text, ends;
    long long pixels;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "y*y*Ln", &text, &ends, &pixels, &most)) return NULL;
    Words w = {0};
    const int64_t *end = ends.buf;
    int how = DONE;
    Py_BEGIN_ALLOW_THREADS
    int64_t begin = 0;
    for (Py_ssize_t i = 0; i < ends.len / 8 && how == DONE; i++) {
        if (end[i] < begin || end[i] > text.len) how = DAMAGED;
        else how = read_text(&w, (int32_t)i, (uint8_t *)text.buf + begin, end[i] - begin, pixels,
                             most);
        begin = end[i];
    }
    Py_END_ALLOW_THREADS
    release(&text, 1);
    release(&ends, 1);
    PyObject *result = NULL;
    if (how == DAMAGED) {
        result = Py_NewRef(Py_None);
    } else if (how == DONE) {
        PyObject *position = PyBytes_FromStringAndSize(NULL, w.used * 4);
        PyObject *mask = PyBytes_FromStringAndSize(NULL, w.used * 4);
        PyObject *word = PyBytes_FromStringAndSize(NULL, w.used * 8);
        if (position && mask && word &&
            !sort_by_position(w.used, pixels / BITS + 1, w.position, w.mask, w.word,
                              (int32_t *)PyBytes_AS_STRING(position),
                              (int32_t *)PyBytes_AS_STRING(mask),
                              (uint64_t *)PyBytes_AS_STRING(word)))
            result = PyTuple_Pack(3, position, mask, word);
        Py_XDECREF(position);
        Py_XDECREF(mask);
        Py_XDECREF(word);
    }
    give_up(&w);
    if (!result && !PyErr_Occurred()) PyErr_NoMemory();
    return result;
}

PyDoc_STRVAR(choose_doc,
"choose(position, mask, word, number, to_position, to_mask, to_word) -> used\n\n"
"Copy the words of the masks whose ``number`` int32 (n,) is not negative, with that number; there\n"
"has to be room for all.");
static PyObject *choose(PyObject *self, PyObject *args)
{
    Py_buffer from[4], to[3];
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*w*w*", from, from + 1, from + 2, from + 3, to, to + 1,
                          to + 2))
        return NULL;
    Py_ssize_t used = 0, count = from[0].len / 4;
    const int32_t *position = from[0].buf, *mask = from[1].buf, *number = from[3].buf;
    const uint64_t *word = from[2].buf;
    int32_t *to_position = to[0].buf, *to_mask = to[1].buf;
    uint64_t *to_word = to[2].buf;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t k = 0; k < count; k++) {
        int32_t n = number[mask[k]];
        to_position[used] = position[k];
        to_mask[used] = n;
        to_word[used] = word[k];
        used += n >= 0;  /* no branch: what is not wanted is written over by the next */
    }
    Py_END_ALLOW_THREADS
    release(from, 4);
    release(to, 3);
    return PyLong_FromSsize_t(used);
}

/* ---- what masks and positions have -------------------------------------------------------- */

FAST
static void add_up(Py_ssize_t count, const int32_t *position, const int32_t *mask,
                   const uint64_t *word, int64_t *area, int64_t *sum, int64_t *masks)
{
    for (Py_ssize_t k = 0; k < count; k++) {
        area[mask[k]] += count_bits(word[k]);
        sum[mask[k]] += position[k];
        masks[position[k]]++;
    }
}

PyDoc_STRVAR(tally_doc,
"tally(position, mask, word, area, sum, masks)\n\n"
"Add the pixels of each mask to ``area`` int64 (n,), the positions of its words to ``sum`` int64\n"
"(n,), and the number of masks at each position to ``masks`` int64 (words,).");
static PyObject *tally(PyObject *self, PyObject *args)
{
    Py_buffer a[3], to[3];
    if (!PyArg_ParseTuple(args, "y*y*y*w*w*w*", a, a + 1, a + 2, to, to + 1, to + 2)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    add_up(a[0].len / 4, a[0].buf, a[1].buf, a[2].buf, to[0].buf, to[1].buf, to[2].buf);
    Py_END_ALLOW_THREADS
    release(a, 3);
    release(to, 3);
    Py_RETURN_NONE;
}

/* ---- where masks are ------------------------------------------------------------------------ */

/* Sum of the positions of the set bits. */
static inline int64_t sum_of_bits(uint64_t x)
{
    static const uint64_t index[6] = {0xAAAAAAAAAAAAAAAAULL, 0xCCCCCCCCCCCCCCCCULL,
                                      0xF0F0F0F0F0F0F0F0ULL, 0xFF00FF00FF00FF00ULL,
                                      0xFFFF0000FFFF0000ULL, 0xFFFFFFFF00000000ULL};
    int64_t total = 0;
    for (int k = 0; k < 6; k++) total += (int64_t)count_bits(x & index[k]) << k;
    return total;
}

FAST
static void find_places(Py_ssize_t count, const int32_t *position, const int32_t *mask,
                        const uint64_t *word, int64_t length, int64_t *box, int64_t *sum)
{
    for (Py_ssize_t k = 0; k < count; k++) {
        int64_t line = (int64_t)position[k] * BITS / length;
        int64_t start = (int64_t)position[k] * BITS - line * length;
        int64_t *b = box + 4 * mask[k], *s = sum + 3 * mask[k];
        uint64_t rest = word[k];
        while (rest) {
            /* The bits of this line: those before its end. */
            int64_t ahead = length - start;
            uint64_t piece = ahead < BITS ? rest & ~(~0ULL << ahead) : rest;
            if (piece) {
                int64_t low = start + lowest_bit(piece), high = start + highest_bit(piece);
                int64_t pixels = count_bits(piece);
                if (low < b[0]) b[0] = low;
                if (line < b[1]) b[1] = line;
                if (high > b[2]) b[2] = high;
                if (line > b[3]) b[3] = line;
                s[0] += start * pixels + (piece == ~0ULL ? 2016 : sum_of_bits(piece));
                s[1] += line * pixels;
                s[2] += pixels;
                rest &= ~piece;
            }
            line++;
            start -= length;
        }
    }
}

PyDoc_STRVAR(places_doc,
"places(position, mask, word, length, box, sum)\n\n"
"Least and largest place along and across lines of ``length`` pixels of each mask, into ``box``\n"
"int64 (n, 4), which holds what is beyond all, and sums of both and the pixels into ``sum`` int64\n"
"(n, 3), zeros.");
static PyObject *places(PyObject *self, PyObject *args)
{
    Py_buffer a[3], box, sum;
    long long length;
    if (!PyArg_ParseTuple(args, "y*y*y*Lw*w*", a, a + 1, a + 2, &length, &box, &sum)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (length > 0)
        find_places(a[0].len / 4, a[0].buf, a[1].buf, a[2].buf, length, box.buf, sum.buf);
    Py_END_ALLOW_THREADS
    release(a, 3);
    release(&box, 1);
    release(&sum, 1);
    Py_RETURN_NONE;
}

/* ---- thumbnails ----------------------------------------------------------------------------- */

/* Bits 0, 2, 4, ... in the lower half (Warren 2012, section 7-4). */
static inline uint64_t every_second_bit(uint64_t x)
{
    x &= 0x5555555555555555ULL;
    x = (x | x >> 1) & 0x3333333333333333ULL;
    x = (x | x >> 2) & 0x0F0F0F0F0F0F0F0FULL;
    x = (x | x >> 4) & 0x00FF00FF00FF00FFULL;
    x = (x | x >> 8) & 0x0000FFFF0000FFFFULL;
    return (x | x >> 16) & 0x00000000FFFFFFFFULL;
}

static void sample(Py_ssize_t count, const int32_t *position, const int32_t *mask,
                   const uint64_t *word, int64_t length, const int64_t *level,
                   const int64_t *origin, uint64_t *rows)
{
    for (Py_ssize_t k = 0; k < count; k++) {
        int64_t shift = level[mask[k]], off = ((int64_t)1 << shift) - 1;
        int64_t line = (int64_t)position[k] * BITS / length;
        int64_t start = (int64_t)position[k] * BITS - line * length;
        uint64_t rest = word[k];
        for (; rest; line++, start -= length) {
            int64_t ahead = length - start;
            uint64_t piece = ahead < BITS ? rest & ~(~0ULL << ahead) : rest;
            rest &= ~piece;
            if (line & off) continue;
            /* Bits before the line's begin were taken by the lines before. */
            int64_t first = -start & off;  /* bits before the first sample */
            if (first >= BITS) continue;
            uint64_t some = piece >> first;
            for (int64_t n = 0; n < shift; n++) some = every_second_bit(some);
            if (!some) continue;
            int64_t cell = ((start + first) >> shift) - origin[2 * mask[k]];
            int64_t row = (line >> shift) - origin[2 * mask[k] + 1];
            if (row < 0 || row >= SIDE || cell <= -BITS || cell >= BITS) continue;
            rows[SIDE * mask[k] + row] |= cell >= 0 ? some << cell : some >> -cell;
        }
    }
}

PyDoc_STRVAR(samples_doc,
"samples(position, mask, word, length, level, origin, rows)\n\n"
"Set the cells of thumbnails, see masks/thumbnails.py: ``level`` int64 (n,), ``origin`` int64\n"
"(n, 2) along and across lines of ``length`` pixels, ``rows`` uint64 (n, 64), zeros.");
static PyObject *samples(PyObject *self, PyObject *args)
{
    Py_buffer a[3], level, origin, rows;
    long long length;
    if (!PyArg_ParseTuple(args, "y*y*y*Ly*y*w*", a, a + 1, a + 2, &length, &level, &origin, &rows))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (length > 0)
        sample(a[0].len / 4, a[0].buf, a[1].buf, a[2].buf, length, level.buf, origin.buf,
               rows.buf);
    Py_END_ALLOW_THREADS
    release(a, 3);
    release(&level, 1);
    release(&origin, 1);
    release(&rows, 1);
    Py_RETURN_NONE;
}

/* A pool of thumbnails, see masks/thumbnail_pool.py; all arrays by the number of the thumbnail. */
typedef struct {
    const uint64_t *words;
    int64_t stride;          /* words of one, its coarser sizes included */
    const int64_t *cells;    /* set cells of each size; 0 beyond the last */
    const int64_t *level;
    const int64_t *origin;   /* along, across */
    const int64_t *begins;   /* first row of each size */
    int64_t steps;           /* sizes */
} Pool;

/* One thumbnail of a pair, at the size in which both are compared. */
typedef struct {
    const uint64_t *rows;
    int64_t height, cells, along, across;
} Picture;

/* x / 2**shift, rounded up. */
static inline int64_t ceil_shift(int64_t x, int64_t shift) { return -((-x) >> shift); }

static inline Picture picture(const Pool *pool, int64_t number, int64_t level)
{
    int64_t step = level - pool->level[number];
    step = step < pool->steps ? step : pool->steps;
    Picture result = {
        pool->words + pool->stride * number + (step < pool->steps ? pool->begins[step] : 0),
        step < pool->steps ? SIDE >> step : 0,
        pool->cells[(pool->steps + 1) * number + step],
        ceil_shift(pool->origin[2 * number], step),
        ceil_shift(pool->origin[2 * number + 1], step),
    };
    return result;
}

static inline int64_t clipped(int64_t x) { return x < 0 ? 0 : x < SIDE ? x : SIDE; }
static inline uint64_t ones(int64_t count) { return count < BITS ? ~(~0ULL << count) : ~0ULL; }

/* Set cells of a picture from begin to before begin + size, along and across. */
FAST
static int64_t cells_between(const Picture *p, int64_t along, int64_t across, const int64_t *size)
{
    int64_t end = along + size[0], last = across + size[1];
    if (along <= 0 && across <= 0 && end >= SIDE && last >= SIDE) return p->cells;
    uint64_t shown = ones(clipped(end)) & ~ones(clipped(along));
    int64_t total = 0, stop = clipped(last) < p->height ? clipped(last) : p->height;
    for (int64_t r = clipped(across); r < stop; r++) total += count_bits(p->rows[r] & shown);
    return total;
}

/* Set cells that two pictures share, where the first lies so much further along and across. */
FAST
static int64_t shared_cells(const Picture *a, const Picture *b, int64_t along, int64_t across)
{
    int64_t total = 0;
    if (along <= -BITS || along >= BITS || across <= -SIDE || across >= SIDE) return 0;
    int64_t low = across > 0 ? across : 0;
    int64_t high = a->height + across < b->height ? a->height + across : b->height;
    if (along >= 0)
        for (int64_t r = low; r < high; r++)
            total += count_bits(a->rows[r - across] << along & b->rows[r]);
    else
        for (int64_t r = low; r < high; r++)
            total += count_bits(a->rows[r - across] >> -along & b->rows[r]);
    return total;
}

/* IoU of two thumbnails, the first moved by so many pixels; of what is cut, inside the frame. */
static double iou(const Pool *pool, int64_t first, int64_t second, const double *move,
                  const int64_t *frame, int cut)
{
    int64_t one = pool->level[first], other = pool->level[second];
    int64_t level = one > other ? one : other;
    Picture a = picture(pool, first, level), b = picture(pool, second, level);
    int64_t along = (int64_t)rint(ldexp(move[0], (int)-level));
    int64_t across = (int64_t)rint(ldexp(move[1], (int)-level));
    int64_t shared = shared_cells(&a, &b, a.along + along - b.along, a.across + across - b.across);
    int64_t cells = a.cells, others = b.cells;
    if (cut) {
        /* Of either only what the frame shows before and after the move. */
        int64_t size[2] = {ceil_shift(frame[0], level), ceil_shift(frame[1], level)};
        cells = cells_between(&a, -along - a.along, -across - a.across, size);
        others = cells_between(&b, along - b.along, across - b.across, size);
    }
    int64_t all = cells + others - shared;
    return (double)shared / (double)(all > 1 ? all : 1);
}

/* The pool whose arrays are in five buffers: words, cells, level, origin, begins. */
static Pool pool_of(const Py_buffer *b)
{
    Py_ssize_t count = b[2].len / 8;
    Pool pool = {b[0].buf, count ? b[0].len / 8 / count : 0, b[1].buf, b[2].buf, b[3].buf,
                 b[4].buf, b[4].len / 8};
    return pool;
}

PyDoc_STRVAR(compare_doc,
"compare_thumbnails(words, cells, level, origin, begins, first, second, move, frame, cut, result)\n\n"
"IoU of pairs of thumbnails into ``result`` float64 (p,): numbers ``first`` and ``second`` int64\n"
"(p,), ``move`` float64 (p, 2) of the first along and across, pixels, ``frame`` int64 (2,) and\n"
"``cut`` bool (p,), or empty; the other arrays are those of the pool.");
static PyObject *compare_thumbnails(PyObject *self, PyObject *args)
{
    Py_buffer b[11];
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*y*w*", b, b + 1, b + 2, b + 3, b + 4, b + 5,
                          b + 6, b + 7, b + 8, b + 9, b + 10))
        return NULL;
    Pool pool = pool_of(b);
    const int64_t *first = b[5].buf, *second = b[6].buf;
    const double *move = b[7].buf;
    const uint8_t *cut = b[9].len ? b[9].buf : NULL;
    double *result = b[10].buf;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t p = 0; p < b[5].len / 8; p++)
        result[p] = iou(&pool, first[p], second[p], move + 2 * p, b[8].buf, cut && cut[p]);
    Py_END_ALLOW_THREADS
    release(b, 11);
    Py_RETURN_NONE;
}

/* ---- pairs of tracks ------------------------------------------------------------------------ */

/* What n masks and those on one side of them on their tracks tell: Side in track/tracklets.py. */
typedef struct {
    const int64_t *mask, *whole;
    const double *velocity, *place;
} Side;

/* All masks of a sequence, and the camera's moves [gap, frame, 2, 3]; NULL: it stands. */
typedef struct {
    const int64_t *t;
    const double *centroid, *area, *moves;
    int64_t frames;
} Masks;

static inline void moved(const double *m, const double *point, int shift, double *result)
{
    for (int k = 0; k < 2; k++)
        result[k] = m ? m[3 * k] * point[0] + m[3 * k + 1] * point[1] + (shift ? m[3 * k + 2] : 0)
                      : point[k];
}

static inline double squared_way(const double *from, const double *drift, const double *to)
{
    double x = to[0] - from[0] - drift[0], y = to[1] - from[1] - drift[1];
    return x * x + y * y;
}

/* Whether end e and start s are near enough, or so nearly that rounding may decide. */
static inline int may_be_near(const Masks *masks, const Side *past, const Side *future,
                              Py_ssize_t e, Py_ssize_t s, const double *damping,
                              const double *reach)
{
    int64_t i = past->mask[e], j = future->mask[s], gap = masks->t[j] - masks->t[i];
    const double *m = masks->moves ? masks->moves + 6 * (gap * masks->frames + masks->t[i]) : NULL;
    double there[2], whole[2], first[2], drift[2];
    moved(m, masks->centroid + 2 * i, 1, there);
    moved(m, past->place + 2 * e, 1, whole);
    moved(m, past->velocity + 2 * e, 0, first);
    const double *second = future->velocity + 2 * s;
    int knows = !isnan(first[0]), known = knows + !isnan(second[0]);
    for (int k = 0; k < 2; k++) {
        double sum = (knows ? first[k] : 0) + (isnan(second[0]) ? 0 : second[k]);
        drift[k] = known ? sum / known * (double)gap * damping[gap] : 0;
    }
    double far = squared_way(there, drift, masks->centroid + 2 * j);
    double other = squared_way(whole, drift, future->place + 2 * s);
    double areas = masks->area[past->whole[e]] * masks->area[future->whole[s]];
    double limit = reach[gap] * sqrt(sqrt(areas)) * (1 + 1e-6) + 1e-6;
    return !((far < other ? far : other) > limit * limit);
}

PyDoc_STRVAR(near_pairs_doc,
"near_pairs(t, centroid, area, moves, past_mask, past_whole, past_velocity, past_place,\n"
"           mask, whole, velocity, place, low, count, damping, reach, row, column) -> found\n\n"
"Of each end k and its starts low[k] to before low[k] + count[k] those that may be near enough,\n"
"into ``row`` and ``column`` int64, which have room for all.  Ends and starts are as in Side,\n"
"``low`` and ``count`` int64; ``moves`` is empty for a camera that stands.");
static PyObject *near_pairs(PyObject *self, PyObject *args)
{
    Py_buffer b[18];
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*y*y*y*y*y*y*y*w*w*", b, b + 1, b + 2, b + 3,
                          b + 4, b + 5, b + 6, b + 7, b + 8, b + 9, b + 10, b + 11, b + 12,
                          b + 13, b + 14, b + 15, b + 16, b + 17))
        return NULL;
    Py_ssize_t gaps = b[15].len / 8, found = 0;
    Masks masks = {b[0].buf, b[1].buf, b[2].buf, b[3].len ? b[3].buf : NULL, b[3].len / 48 / gaps};
    Side past = {b[4].buf, b[5].buf, b[6].buf, b[7].buf};
    Side future = {b[8].buf, b[9].buf, b[10].buf, b[11].buf};
    const int64_t *low = b[12].buf, *count = b[13].buf;
    int64_t *row = b[16].buf, *column = b[17].buf;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t e = 0; e < b[12].len / 8; e++)
        for (Py_ssize_t s = low[e]; s < low[e] + count[e]; s++) {
            row[found] = e;
            column[found] = s;
            found += may_be_near(&masks, &past, &future, e, s, b[14].buf, b[15].buf);
        }
    Py_END_ALLOW_THREADS
    release(b, 18);
    return PyLong_FromSsize_t(found);
}

/* All masks of a sequence, and the thumbnails of some: that of mask k is number place[k - low]. */
typedef struct {
    Pool pool;
    const int64_t *place, *frame;
    int64_t low;
    const double *centroid;
    const uint8_t *border;
    int along;  /* 0: rows of thumbnails run along x, 1: along y */
} Shapes;

/* IoU of masks i and j with centroids aligned, and with i's at there, j's here. */
static void overlap(const Shapes *s, int64_t i, int64_t j, const double *there, const double *here,
                    double *aligned, double *placed)
{
    const double *from = s->centroid + 2 * i, *to = s->centroid + 2 * j;
    double way[2], move[2];
    for (int k = 0; k < 2; k++) {
        int n = k == s->along ? 0 : 1;
        way[n] = to[k] - from[k];
        move[n] = there[k] - from[k] - (here[k] - to[k]);
    }
    int64_t a = s->place[i - s->low], b = s->place[j - s->low];
    *aligned = iou(&s->pool, a, b, way, s->frame, 0);
    *placed = iou(&s->pool, a, b, move, s->frame, s->border[i] || s->border[j]);
}

PyDoc_STRVAR(compare_sides_doc,
"compare_sides(words, cells, level, origin, begins, frame, numbers, centroid, area, border,\n"
"              past_mask, past_whole, mask, whole, there, whole_there, whole_place, growth, result,\n"
"              column_major)\n\n"
"SHAPE_FIELDS of pairs into ``result`` float64 (p, 3), see track/link_evidence.py; the thumbnails\n"
"are those of the masks ``numbers`` int64, rising.");
static PyObject *compare_sides(PyObject *self, PyObject *args)
{
    Py_buffer b[19];
    int column_major;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*y*y*y*y*y*y*y*y*y*w*p", b, b + 1, b + 2, b + 3,
                          b + 4, b + 5, b + 6, b + 7, b + 8, b + 9, b + 10, b + 11, b + 12,
                          b + 13, b + 14, b + 15, b + 16, b + 17, b + 18, &column_major))
        return NULL;
    const int64_t *numbers = b[6].buf;
    Py_ssize_t count = b[6].len / 8;
    int64_t low = count ? numbers[0] : 0;
    /* Of what lies between the numbers nothing is ever looked up. */
    int64_t *place = PyMem_RawMalloc(8 * (count ? numbers[count - 1] - low + 1 : 1));
    for (Py_ssize_t k = 0; place && k < count; k++) place[numbers[k] - low] = k;
    Shapes shapes = {pool_of(b), place, b[5].buf, low, b[7].buf, b[9].buf, column_major};
    const double *area = b[8].buf, *there = b[14].buf, *whole_there = b[15].buf;
    const double *whole_place = b[16].buf, *growth = b[17].buf;
    const int64_t *past = b[10].buf, *past_whole = b[11].buf, *future = b[12].buf;
    const int64_t *whole = b[13].buf;
    double *result = b[18].buf;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t p = 0; place && p < b[10].len / 8; p++) {
        int64_t i = past[p], j = future[p];
        double first = area[i] * growth[p], second = area[j], aligned, placed;
        const double *here = shapes.centroid + 2 * j;
        overlap(&shapes, i, j, there + 2 * p, here, &aligned, &placed);
        double inside = placed * (first + second) / (1 + placed) / (first < second ? first : second);
        /* The smaller of both may be a piece: its own side's largest is asked in its stead. */
        int smaller = first < second;
        int64_t a = smaller ? past_whole[p] : i, c = smaller ? j : whole[p];
        if (a != i || c != j) {
            double other, other_placed;
            overlap(&shapes, a, c, (smaller ? whole_there : there) + 2 * p,
                    smaller ? here : whole_place + 2 * p, &other, &other_placed);
            if (other > aligned) aligned = other;
            if (other_placed > placed) placed = other_placed;
        }
        result[3 * p] = aligned;
        result[3 * p + 1] = placed;
        result[3 * p + 2] = inside < 1 ? inside : 1;
    }
    Py_END_ALLOW_THREADS
    release(b, 19);
    PyMem_RawFree(place);
    if (!place) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"pack", pack, METH_VARARGS, pack_doc},
    {"sort", sort, METH_VARARGS, sort_doc},
    {"shared", shared, METH_VARARGS, shared_doc},
    {"within", within, METH_VARARGS, within_doc},
    {"unpack_texts", unpack_texts, METH_VARARGS, unpack_texts_doc},
    {"choose", choose, METH_VARARGS, choose_doc},
    {"tally", tally, METH_VARARGS, tally_doc},
    {"places", places, METH_VARARGS, places_doc},
    {"samples", samples, METH_VARARGS, samples_doc},
    {"compare_thumbnails", compare_thumbnails, METH_VARARGS, compare_doc},
    {"near_pairs", near_pairs, METH_VARARGS, near_pairs_doc},
    {"compare_sides", compare_sides, METH_VARARGS, compare_sides_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_compiled", "The inner loops.", -1, functions,
    NULL, NULL, NULL, NULL,
};

/* Goes up with every change of what a function is called, takes or does: compiled.py asks. */
#define INTERFACE 3

PyMODINIT_FUNC PyInit__compiled(void)
{
    PyObject *result = PyModule_Create(&module);
    if (result && PyModule_AddIntConstant(result, "INTERFACE", INTERFACE)) Py_CLEAR(result);
    return result;
}

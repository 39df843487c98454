// The entry of a payload: a Multiboot 1 header, a flat segment for each use, a stack, and an entry for
// each interrupt vector.
        .section .multiboot, "a"
        .balign 4
        .set FLAGS, 2                   // tell the memory sizes
        .long 0x1BADB002, FLAGS, -(0x1BADB002 + FLAGS)

        .text
        .globl _start
_start:
        cli
        cld
        movl $stackTop, %esp
        lgdt segmentTable
        ljmp $8, $1f
1:      movl $16, %ecx
        movl %ecx, %ds
        movl %ecx, %es
        movl %ecx, %fs
        movl %ecx, %gs
        movl %ecx, %ss
        xorl %ebp, %ebp
        subl $8, %esp                   // keeps the stack aligned to 16 at the call
        pushl %ebx
        pushl %eax
        call payloadMain
2:      cli
        hlt
        jmp 2b

// 256 entries of 16 bytes each; the processor pushes an error code for a few exceptions only.
        .balign 16
        .globl interruptEntries
interruptEntries:
        .set vector, 0
        .rept 256
        .balign 16
        .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
        .else
        pushl $0
        .endif
        pushl $vector
        jmp interrupted
        .set vector, vector + 1
        .endr

interrupted:
        pushal
        cld
        pushl %esp
        call handleInterrupt
        addl $4, %esp
        popal
        addl $8, %esp
        iretl

        .section .rodata, "a"
        .balign 8
segments:
        .quad 0
        .quad 0x00CF9B000000FFFF        // code
        .quad 0x00CF93000000FFFF        // data
segmentTable:
        .word 3 * 8 - 1
        .long segments

        .balign 4
        .globl chosenPayload
chosenPayload:
        .long payloadNumber             // given to the linker

        .bss
        .balign 16
        .skip 65536
stackTop:

        .section .note.GNU-stack, "", @progbits
